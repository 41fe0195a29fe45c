"""Values behind a label ("MRN 0012345", "Historia clínica: 4821"), in English and Spanish.

Labels of both languages are tried in every text: forms mix them, and a label with a number behind it is rarely prose.
"""

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify import checksums
from tunewarden.steps.deidentify.patterns import CODE, IS, LABEL_END, NO_DATE, Pattern, Start, labelled
from tunewarden.steps.deidentify.tables import no_head

_PHONE = (
    rf"{NO_DATE}(?<v>[+(]{{0,2}}\d[\d().\s/-]{{5,20}}\d(?:[ ,]{{0,2}}(?:x|ext\.?|extension|extensi[oó]n)"
    rf"[ .:]{{0,2}}\d{{1,6}})?)(?!\d)"
)
_ALSO = r"(?:\s+(?:no|number|n[uú]mero|is|at|on|back|him|her|them|me|us|de|contacto|al|a)(?![\p{L}\p{M}]))*+"
_NEXT = IS.replace("(?:is|was|es|era)", "(?:is|was|es|era|at|on|to|al)")
_WORD_VALUE = r"(?<v>@?[\p{L}\d][\p{L}\d_.@+-]{1,60}[\p{L}\d_])"
_SAID = r"[\"'*_]{0,3}\s*(?:(?:\s(?:is|es|-)\s)|[:=|\t])\s*[\"'*_`]{0,3}"
_FREE_CODE = rf"{NO_DATE}(?<v>(?=[^\s]{{0,24}}\d)[\p{{L}}\d][\p{{L}}\d./_-]{{1,40}}[\p{{L}}\d])"
_DATE = (
    r"(?<v>\d[\d/.-]{4,9}(?<=\d)|(?:19|20)\d\d|\d{1,4}[\s./-]{1,3}(?:\d{1,2}|\p{L}{3,10}\.?)[\s./-]{1,3}\d{2,4})(?!\d)"
)
_PLATE = r"(?<v>(?=[\p{L} \n-]{0,7}\d|\d)(?-i:[\p{Lu}\d]{1,4}(?:[\s-]?[\p{Lu}\d]{1,4}){1,3}))(?![\p{L}\d])"
_ANY_PLATE = (
    r"(?<v>(?=[\p{L}-]{0,6}[ ]?\d)[\p{L}\d]{1,4}(?:[\s-]?[\p{L}\d]{1,4}){1,3}?(?<="
    r"[\p{L}\d]{1,3}\d\d?|\d\s?\p{L}{2,3}|\p{L}\d+))(?![\p{L}\d])"
)
_OF_CAR = (
    r"(?:\s+(?:of|on|del?|for)\s+(?:the\s+|his\s+|her\s+|my\s+|su\s+|el\s+|la\s+)?(?:car|vehicle|truck|van"
    r"|coche|veh[ií]culo|moto|furgoneta))?"
)
_FILE = r"(?<v>(?=[^\s]{0,60}\d)[\p{L}\d][\p{L}\d._/-]{2,80}[\p{L}\d])"

LABELS = (
    labelled(
        EntityType.MEDICAL_RECORD,
        "mrn|m.r.n|mr|m r n|medical record|medical records|med rec|medical rec|health record|chart"
        "|patient chart|record|records|encounter|visit|accession|csn|fin|har|hospital|patient id"
        "|patient identifier|patient number|patient no|pt id|pt no|unit|admission|hospital number|uhid"
        "|urn|case record|epic|patient|patient account|nhc|historia clinica|historia|h c|hc|n historia"
        "|num historia|numero de historia|numero de historia clinica|n de historia clinica"
        "|no de historia clinica|n hc|no hc|episodio|numero de episodio|expediente clinico"
        "|registro clinico|id paciente|id del paciente|no historia|no de historia|contacto asistencial"
        "|id de paciente",
    ),
    labelled(
        EntityType.HEALTH_PLAN,
        "member|subscriber|beneficiary|policy|policyholder|policy holder|medicare|medicaid|health plan"
        "|plan|insurance|insurance policy|group|mbi|hicn|payer|insured|health card|health insurance|hmo"
        "|rxbin|rxgrp|rx group|medicare beneficiary|enrollee|cardholder|nass|nuss|naf|seguridad social"
        "|numero de la seguridad social|n seguridad social|afiliacion|no seguridad social"
        "|tarjeta sanitaria|tsi|cip|cipa|cite|sns|poliza|mutua|asegurado|n de afiliacion"
        "|numero de afiliacion|no afiliacion|aseguramiento|tis|obra social|mutualista",
    ),
    labelled(
        EntityType.ACCOUNT,
        "account|acct|acc|a/c|billing|invoice|guarantor|bank account|routing|sort code|aba|checking"
        "|savings|customer|client|loan|mortgage|transaction|transfer|payment|bank|debit account"
        "|credit account|iban|swift|bic|receipt|statement|cuenta|cuenta corriente|cuenta bancaria|ccc"
        "|cta|n cuenta|no cuenta|numero de cuenta|factura|cliente|numero de cliente|prestamo|hipoteca"
        "|recibo|transferencia",
    ),
    labelled(
        EntityType.ACCOUNT,
        "sort code|sortcode|s/c",
        value=r"(?<v>\d\d[- ]?\d\d[- ]?\d\d)(?!\d)",
    ),
    labelled(
        EntityType.ACCOUNT,
        "swift|bic|swift code|bic code|swift/bic|codigo swift",
        value=r"(?<v>(?-i:[A-Z]{6}[A-Z\d]{2}(?:[A-Z\d]{3})?))(?![\p{L}\d])",
    ),
    labelled(
        EntityType.LICENCE,
        "license|licence|lic|dea|npi|certificate|certification|permit|driver's license"
        "|drivers license|driver license|driver's licence|driving licence|medical license|gmc|nmc|upin"
        "|bar|state license|board certification|licensed|pilot|registration no|colegiado|n colegiado"
        "|no colegiado|numero de colegiado|colegiada|ncol|n col|no col|col|num col|licencia"
        "|carnet de conducir|permiso de conducir|permiso|carne de conducir|certificado|nocol"
        "|numero colegiado|cedula profesional",
    ),
    Pattern(  # not the deciliter
        entity=EntityType.LICENCE,
        score=0.8,
        start=Start.WORD,
        words=frozenset({"dl"}),
        regex=rf"(?<![\p{{L}}/])(?-i:DL){LABEL_END}{IS}{CODE}",
    ),
    labelled(
        EntityType.VEHICLE,
        "vin|plate|license plate|licence plate|number plate|registration|vehicle|vehicle id|bastidor"
        "|numero de bastidor|matricula|chasis|vehiculo",
    ),
    labelled(
        EntityType.VEHICLE,
        "plate|license plate|licence plate|number plate|plates|registration|reg|tag|plate number"
        "|matricula|placa|patente|vehicle registration|vehicle|car|vehiculo|coche|truck|moto",
        between=_OF_CAR + IS,
        value=_PLATE,
        score=0.7,
    ),
    labelled(
        EntityType.VEHICLE,
        "license plate|licence plate|number plate|plate|matricula|plate number|vehicle|vehiculo|vehicle registration",
        between=_OF_CAR + IS,
        value=_ANY_PLATE,
        score=0.7,
    ),
    labelled(
        EntityType.MAC,
        "mac|mac address|direccion mac|ethernet|wifi",
        value=r"(?<v>[\da-f]{2}(?:[:-][\da-f]{2}){5}|[\da-f]{12})(?![\p{L}\d:-])",
    ),
    labelled(
        EntityType.IP,
        "ip|ip address|host|direccion ip|ipv4|ipv6",
        value=r"(?<v>[\da-f:.]{3,45}(?<=[\da-f:]))(?![\p{L}\d])",
        valid=checksums.ip_address,
    ),
    labelled(
        EntityType.DEVICE,
        "serial|s/n|sn|s n|imei|udi|device|implant|lot|model|imsi|meid|iccid|asset tag|asset|pacemaker"
        "|pump|device identifier|device serial|ser|batch|catheter|numero de serie|n serie|n de serie"
        "|no serie|no de serie|serie|marcapasos|lote|modelo|dispositivo|implante|protesis|bomba",
    ),
    labelled(
        EntityType.DEVICE,
        "udi|device identifier|gtin",
        value=r"(?<v>\(01\)[\d()A-Z]{10,60})",
        between=r"\s*[:\#]?\s*",
    ),
    labelled(
        EntityType.SSN,
        "ssn|ss|social security|social|soc sec|s.s.n|social security number|itin|ss no|taxpayer id|tin",
        value=r"(?<v>\d{3}[-. ]{0,3}\d{2}[-. ]{0,3}\d{4})(?!\d)",
        score=0.9,
    ),
    labelled(
        EntityType.SSN,
        "ssn|social|social security|last four|last 4|last four of ssn|last 4 of ssn|last four of social",
        value=r"(?:(?:last\s+(?:four|4)|ending(?:\s+in)?|ends\s+in)[\s:]*(?:of\s+(?:ssn|social)[\s:]*)?)?(?<v>(?:"
        r"[x*]{3}-?[x*]{2}-?)?\d{4})(?![\d-])",
        score=0.6,
    ),
    labelled(
        EntityType.NATIONAL_ID,
        "nhs|nino|national insurance|national id|national identity|identity card|id card|sin"
        "|social insurance|aadhaar|aadhar|pan|tfn|personnummer|pesel|codice fiscale|steuer-id"
        "|steuernummer|insee|nir|hetu|cpf|bsn|medicare card|national registration|chi|dni|nie|nif|cif"
        "|d.n.i|n.i.e|n.i.f|documento nacional de identidad|documento de identidad|documento|curp|rfc"
        "|rut|run|cedula|cedula de identidad|carnet de identidad|ine|cuil|cuit|numero de identidad"
        "|identificacion|tarjeta de identidad|tarjeta de residencia|numero nacional"
        "|steuerliche identifikationsnummer|personalausweis|versichertennummer|carte d'identite"
        "|nationality id",
    ),
    labelled(
        EntityType.PASSPORT,
        "passport|passports|pasaporte|reisepass|passeport|travel document",
    ),
    labelled(
        EntityType.OTHER_ID,
        "id|identifier|badge|employee|student|case|claim|reference|ref|order|specimen|study|docket"
        "|application|applications|file|ticket|booking|confirmation|tracking|matter|protocol|sample"
        "|barcode|tax id|ein|vat|prescription|rx|referral|authorization|authorisation|auth|prior auth"
        "|complaint|incident|report|parcel|shipment|reservation|voucher|coupon|contract|agreement"
        "|personnel|staff|service|inmate|request|investigation|job|stored under|filed under"
        "|archived under|carne|carnet|agente|placa|warrant|citation|identification"
        "|user id"
        "|userid|serial id|folio|alien|uscis|receipt number|visa|library card|loyalty|frequent flyer"
        "|candidate|enrolment|expediente|referencia|identificador|codigo|muestra|biopsia|registro|caso"
        "|solicitud|pedido|reserva|empleado|alumno|contrato|denuncia|diligencias|procedimiento|autos"
        "|sentencia|recurso|peticion|informe|estudio|receta|volante|peticionario|n registro|no|nos|nr"
        "|num|numero|number",
        score=0.6,
    ),
    labelled(
        EntityType.OTHER_ID,
        "no|nos|application|applications|case|cases|application no|application nos|docket|recurso"
        "|application number|numero|num|expediente|asunto|sentencia|autos|n",
        between=r"\.?\s*(?:\#|no\.|nos\.|n[oº]\.?)?\s*[(:]?\s*",
        value=r"(?<v>(?:\d{1,3}[ ])?(?:[A-Z]{1,4}[-/ ]?)?\d{1,7}/\d{2,4}(?:(?:,?\s+(?:and|y|&)\s+|,\s*)(?:[A-Z]{1,3}"
        r"[-/ ]?)?\d{1,7}/\d{2,4}){0,30}+)(?![\d/])",
        score=0.75,
    ),
    labelled(
        EntityType.BIOMETRIC,
        "fingerprint|fingerprints|finger print|thumbprint|palm print|palmprint|retina|retinal scan"
        "|retina scan|iris|iris scan|voiceprint|voice print|voice sample|fingerprint card|face scan|facial recognition"
        "|faceprint|face template|biometric|biometrics|biometric template|dna|dna profile|dna sample"
        "|genetic profile|gait|hand geometry|vein scan|biometric template id|huella|huella dactilar"
        "|huellas dactilares|iris escaneado|escaneo de iris|escaner de iris|reconocimiento facial|voz"
        "|huella de voz|perfil genetico|perfil de adn|adn|biometrico|datos biometricos"
        "|plantilla biometrica|retinal|escaneo de retina",
        value=_FREE_CODE,
        between=r"(?:[\s_,]+(?:card|scan|template|record|sample|file|hash|reference|ref|profile|registro|archivo"
        r"|plantilla|muestra))*+" + IS,
    ),
    labelled(
        EntityType.PHOTOGRAPH,
        "photo|photos|photograph|photographs|picture|image|images|headshot|portrait|selfie|mugshot"
        "|face photo|full-face photo|facial photo|video|snapshot|clinical photo|clinical photos|clinical photographs"
        "|fotografias clinicas|fotografia clinica|fotos clinicas|id photo|foto|fotos"
        "|fotografia|fotografias|imagen|retrato|foto de cara|foto clinica|captura",
        value=_FILE,
        between=r"(?:[\s_]+(?:file|filename|record|reference|ref|archivo|fichero|stored|saved|uploaded|as|under|in"
        r"|guardada|como))*+" + IS,
    ),
    labelled(
        EntityType.USERNAME,
        "username|user name|user|user id|userid|login|login id|handle|screen name|screenname|twitter"
        "|instagram|skype|telegram|snapchat|tiktok|discord|facebook|usuario|alias|nombre de usuario|nick"
        "|nickname|account name|logged in as|x handle|reddit|github",
        between=_SAID,
        value=_WORD_VALUE,
        valid=no_head,
        score=0.7,
    ),
    labelled(
        EntityType.USERNAME,
        "username|user name|logged in as|log in as|sign in as|signed in as|nombre de usuario|login|usuario|handle|user"
        "|account",
        between=r"\s+[\"'*_`]{0,3}",
        value=r"(?<v>(?=\p{L}{1,40}(?:[\d_]|[.-]\p{L}))[\p{L}\d][\p{L}\d_.@-]{1,40}[\p{L}\d_])",
        score=0.6,
    ),
    labelled(
        EntityType.OTHER_ID,
        "password|passcode|passphrase|pin|pin code|contrasena|clave|secret|token|api key",
        between=_SAID,
        value=r"(?<v>\S{3,80}(?<![.,;\"')*]))",
        score=0.6,
    ),
    labelled(
        EntityType.OTHER_ID,
        "pin|pin code|passcode",
        value=r"(?<v>\d{4,8})(?!\d)",
        score=0.6,
    ),
    labelled(
        EntityType.CARD,
        "cvv|cvc|cvv2|cvc2|security code",
        value=r"(?<v>\d{3,4})(?!\d)",
        score=0.7,
    ),
    labelled(
        EntityType.CARD,
        "card|visa|mastercard|amex|american express|credit card|debit card|tarjeta",
        between=r"(?:\s+(?:number|no|card|de|credito|debito))*\s*[:#]?\s*(?:(?:ending|ends|terminada|acabada"
        r"|that\s+ends)(?:\s+(?:in|with|en))?)\s*[:#]?\s*",
        value=r"(?<v>\d{4})(?!\d)",
        score=0.6,
    ),
    labelled(
        EntityType.CARD,
        "card|credit card|debit card|card number|visa|mastercard|amex|tarjeta|tarjeta de credito|cc",
        value=r"(?<v>\d[\d -]{11,22}\d)(?!\d)",
        score=0.75,
    ),
    labelled(
        EntityType.FAX,
        "fax|facsimile|telefax|faxed to|fax to",
        between=_NEXT,
        value=_PHONE,
        score=0.85,
    ),
    labelled(
        EntityType.PHONE,
        "tel|telephone|phone|phones|ph|cell|cellphone|mobile|call|called|calling|contact|reach|reached"
        "|reachable|pager|beeper|text|texted|dial|whatsapp|hotline|landline|phone number|contact number"
        "|home phone|work phone|callback|call back|ring|sms|home|work|telefono|telef|tfno|tlf|tlfno"
        "|movil|fijo|celular|llamar|llamo|llame|busca|telefono de contacto|telefonos|contacto|tf|tno"
        "|extension|localizable|t|m|telefon",
        between=_ALSO + _NEXT,
        value=_PHONE,
        score=0.75,
    ),
    labelled(
        EntityType.DATE,
        "dob|d.o.b|d o b|born|birth date|birthdate|date of birth|birthday|date|dod|doa|dos|date of death"
        "|date of admission|date of discharge|date of service|admission date|discharge date|fecha"
        "|fecha de nacimiento|f nacimiento|f. nac|fecha nac|fnac|fecha de ingreso|fecha de alta"
        "|fecha de exitus|nacido|nacida|nacimiento|f.n|fn|admitted|discharged",
        between=r"[\"'*_]{0,3}\s*(?:\([^()\n]{1,20}\))?\s*(?:is|was|on|el|:|=|\||,)?\s*:?[\"'*_]{0,3}\s*",
        value=_DATE,
    ),
    labelled(
        EntityType.POSTCODE,
        "zip|zip code|zipcode|postcode|post code|postal code|plz|c.p|cp|codigo postal|cod postal"
        "|code postal|postleitzahl|cap|d.p|distrito postal",
        value=r"(?<v>\d{4,5}(?:-\d{3,4})?|[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2}|[A-Z]\d[A-Z][ ]?\d[A-Z]\d)(?![\p{L}\d])",
    ),
    labelled(
        EntityType.COORDINATES,
        "lat|latitude|latitud|lon|lng|long|longitude|longitud|gps|coordinates|coordenadas",
        value=r"(?<v>-?\d{1,3}\.\d{2,12}°?(?:\s?[NSEWO]\b)?(?:\s?[,;/ ]\s?-?\d{1,3}\.\d{2,12}°?(?:\s?"
        r"[NSEWO]\b)?)?)(?![\d.]?\d)",
    ),
)
