"""What the recogniser can say of a token, and which words of the training corpora stand for it.

There is one label for each kind and `O` for none (the IO scheme): two names that touch are one span, which hides both.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tunewarden.domain.identifiers import EntityType

LABELS: tuple[EntityType, ...] = (
    EntityType.NAME,
    EntityType.PLACE,
    EntityType.ORGANISATION,
    EntityType.DEMOGRAPHIC,
    EntityType.OCCUPATION,
    EntityType.RELATIVE,
    EntityType.SEX,
    EntityType.AGE,
    EntityType.DATE,
    EntityType.ADDRESS,
    EntityType.OTHER_ID,
    EntityType.PARTICULAR,
)
"""Label n of the model is LABELS[n - 1]; label 0 is `O`."""

NUMBER: Mapping[EntityType, int] = MappingProxyType({entity: number for number, entity in enumerate(LABELS, start=1)})

_AS: Mapping[EntityType, EntityType] = MappingProxyType(
    {
        EntityType.POSTCODE: EntityType.ADDRESS,
        EntityType.USERNAME: EntityType.OTHER_ID,
        EntityType.COORDINATES: EntityType.ADDRESS,
    }
)


def label_of(entity: EntityType) -> int:
    """The label that stands for a kind: its own, or that of the kind it is taken for; numbers are other-id."""
    return NUMBER.get(_AS.get(entity, entity), NUMBER[EntityType.OTHER_ID])


TAB: Mapping[str, EntityType] = MappingProxyType(
    {
        "PERSON": EntityType.NAME,
        "CODE": EntityType.OTHER_ID,
        "LOC": EntityType.PLACE,
        "ORG": EntityType.ORGANISATION,
        "DEM": EntityType.DEMOGRAPHIC,
        "DATETIME": EntityType.DATE,
        "QUANTITY": EntityType.PARTICULAR,
        "MISC": EntityType.PARTICULAR,
    }
)
"""Text Anonymization Benchmark."""

MEDDOCAN: Mapping[str, EntityType] = MappingProxyType(
    {
        "TERRITORIO": EntityType.PLACE,
        "PAIS": EntityType.PLACE,
        "FECHAS": EntityType.DATE,
        "EDAD_SUJETO_ASISTENCIA": EntityType.AGE,
        "NOMBRE_SUJETO_ASISTENCIA": EntityType.NAME,
        "NOMBRE_PERSONAL_SANITARIO": EntityType.NAME,
        "SEXO_SUJETO_ASISTENCIA": EntityType.SEX,
        "CALLE": EntityType.ADDRESS,
        "HOSPITAL": EntityType.ORGANISATION,
        "INSTITUCION": EntityType.ORGANISATION,
        "CENTRO_SALUD": EntityType.ORGANISATION,
        "PROFESION": EntityType.OCCUPATION,
        "FAMILIARES_SUJETO_ASISTENCIA": EntityType.RELATIVE,
        "OTROS_SUJETO_ASISTENCIA": EntityType.DEMOGRAPHIC,
        "CORREO_ELECTRONICO": EntityType.EMAIL,
        "NUMERO_TELEFONO": EntityType.PHONE,
        "NUMERO_FAX": EntityType.FAX,
        "ID_SUJETO_ASISTENCIA": EntityType.MEDICAL_RECORD,
        "ID_ASEGURAMIENTO": EntityType.HEALTH_PLAN,
        "ID_TITULACION_PERSONAL_SANITARIO": EntityType.LICENCE,
        "ID_CONTACTO_ASISTENCIAL": EntityType.MEDICAL_RECORD,
        "ID_EMPLEO_PERSONAL_SANITARIO": EntityType.OTHER_ID,
        "URL_WEB": EntityType.URL,
        "DIREC_PROT_INTERNET": EntityType.IP,
        "IDENTIF_VEHICULOS_NRSERIE_PLACAS": EntityType.VEHICLE,
        "IDENTIF_DISPOSITIVOS_NRSERIE": EntityType.DEVICE,
        "IDENTIF_BIOMETRICOS": EntityType.BIOMETRIC,
        "NUMERO_BENEF_PLAN_SALUD": EntityType.HEALTH_PLAN,
        "OTRO_NUMERO_IDENTIF": EntityType.OTHER_ID,
    }
)
"""MEDDOCAN: its 29 kinds of protected health information."""

CONLL: Mapping[str, EntityType] = MappingProxyType(
    {
        "PER": EntityType.NAME,
        "person": EntityType.NAME,
        "LOC": EntityType.PLACE,
        "location": EntityType.PLACE,
        "ORG": EntityType.ORGANISATION,
        "corporation": EntityType.ORGANISATION,
        "group": EntityType.ORGANISATION,
    }
)
"""WikiGold, WNUT 2017 and the Broad Twitter Corpus; every other class of theirs is neither here nor there."""
