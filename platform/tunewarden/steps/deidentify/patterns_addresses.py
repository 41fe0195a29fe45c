"""Street addresses as people write them in the United States, the United Kingdom, Spain, Latin America, Germany,
France, the Netherlands, Poland and India, and postcodes behind a state."""

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.patterns import Pattern, Start, labelled, phrase
from tunewarden.steps.deidentify.word_lists import words_of

_STATE = (
    r"(?:A[KLRSZ]|C[AOT]|D[CE]|F[LM]|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEHINOPST]|N[CDEHJMVY]|O[HKR]|P[ARW]|RI|S[CD]|T[NX]"
    r"|UT|V[AIT]|W[AIVY])"
)
# After U.S. Postal Service Publication 28, appendix C1; the ones that are clinical words too are left out.
_STREET = (
    r"(?:alley|avenue|ave|boulevard|blvd|bypass|circle|cir|court|ct|cove|crescent|crossing|drive|dr|expressway"
    r"|expy|extensions?|estates?|freeway|fwy|gardens?|gateway|glens?|greens?|groves?|heights|hts|highway|hwy|hills?"
    r"|hollow|inlet|islands?|isle|junctions?|keys?|knolls?|lakes?|landing|lane|ln|locks?|lodge|loop|manors?"
    r"|meadows?|mews"
    r"|mills?|mission|motorway|mountains?|orchard|oval|overpass|parks?|parkway|pkwy|pass|path|pike|pines?|place|pl"
    r"|plains?|plaza|points?|prairie|ranch|ridges?|river|roads?|rd|route|row|run|shoals?|shores?|skyway"
    r"|springs?|square|sq|stations?|stravenue|stream|streets?|st|summit|terrace|ter|throughway|trace|track|trafficway"
    r"|trail|trl|tunnel|turnpike|tpke|underpass|unions?|valleys?|via|viaduct|views?|villages?|ville|vista|walks?|ways?"
    r"|wells?|branch|bridge|brooks?|burgs?|camp|canyon|cape|causeway|centers?|cliffs?|close|club|common|corners?|course"
    r"|creek|crest|curve|dale|dam|divide|falls?|ferry|fields?|flats?|fords?|forest|forges?|forks?|fort|harbors?|haven"
    r"|mall|mount|neck|radial|ramp|rapids?|rest|spurs?|bend|bluffs?|bottom|beach|bayou|annex|arcade|rise"
    r"|parade|quay|wharf|esplanade|vale|yard|end|copse|garth|wynd|gate)"
)
_STREET_SURE = (
    r"(?:avenue|ave|boulevard|blvd|circle|court|crescent|drive|grove|loop|expressway|freeway|highway|hwy"
    r"|lane|ln|parkway|pkwy|road|rd|street"
    r"|st|terrace|turnpike|trail|(?:way|place|close)(?=\s*[.,;\n]|$)|dr(?=,))"
)
_UNIT = (
    r"(?:[,.]?\s+(?:apt|apartment|suite|ste|unit|room|rm|floor|fl|flat|bldg|building|lot|no|\#)\.?\s*\#?"
    r"[\p{L}\d-]{1,6}\b)?"
)
_ZIP = r"\d{5}(?:-\d{4})?"
_UK_CODE = r"(?-i:[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]?[ ]?\d[ABD-HJLNP-UW-Z]{2})"
_TOWN_WORD = r"(?:(?:St|Ft|Mt|Sta|Sto)\.[ ]?)?\p{Lu}[\p{L}\p{M}'-]{1,30}+"
TOWN = rf"(?-i:{_TOWN_WORD}(?:[ -](?:(?:de|del|la|las|los|on|upon|of|am|an|der|sur|le)[ ]){{0,2}}{_TOWN_WORD}){{0,3}})"
_PLACE = (
    rf"(?:[,.]?\s+{TOWN},?\s*(?-i:{_STATE})\b(?:,?\s+{_ZIP}\b)?|(?:,\s*{TOWN}){{1,2}},?\s+{_UK_CODE}"
    rf"|(?:,|\s-)\s*(?:(?-i:[A-Z]{{1,2}})-)?\d{{4,5}}\s+{TOWN}(?:\s*\(\p{{L}}[\p{{L}} ]{{2,24}}\))?)?"
)
_NOT_PROSE = (
    r"(?!(?:the|a|an|in|on|at|of|to|by|was|with|and|from|his|her|y/?o\w?|y[eo]a?rs?|days?|wks?|weeks?|hrs?|hours?|mins?"
    r"|months?|doses?|mg|ml|mm|cm|sutures?|times)\b)"
)
_CAPITALISED = (
    r"(?!(?:of|the|and|at|in|on|to|from|with|for|was|is|a|an)\b)(?-i:(?:\d{1,3}(?:st|nd|rd|th)|\p{Lu}"
    r"[\p{L}\p{M}]*+)[\p{L}\p{M}'.-]{0,30}+\s+)"
)
_NUMBER = r"(?<![\d/.,-])\d{1,6}(?:-\d{1,4})?[a-c]?"

_STATES, _STATES_WORDS = phrase(
    "alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|georgia|hawaii|idaho|illinois"
    "|indiana|iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|missouri|montana"
    "|nebraska|nevada|new hampshire|new jersey|new mexico|new york|north carolina|north dakota|ohio|oklahoma|oregon"
    "|pennsylvania|rhode island|south carolina|south dakota|tennessee|texas|utah|vermont|virginia|washington"
    "|west virginia|wisconsin|wyoming|puerto rico|district of columbia"
)
_FROM, _FROM_WORDS = phrase(
    "flat|apartment|apt|unit|suite|house|block",
)
_HOUSE = r"\d{1,5}(?:[ ]?[a-h]\b)?(?:\s?[-/]\s?\d{1,4}[a-h]?)?"

ENGLISH_ADDRESSES = (
    Pattern(
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.NUMBER,
        run=(1, 6),
        regex=rf"{_NUMBER}(?:,)?\s+(?:[nsew]{{1,2}}\.?\s+|(?:north|south|east|west)\s+)?{_CAPITALISED}{{1,4}}"
        rf"(?-i:(?=\p{{Lu}})(?i:{_STREET}))(?:\s+(?:[nsew]{{1,2}}|north|south|east|west)\b)?\b\.?{_UNIT}{_PLACE}",
    ),
    Pattern(
        entity=EntityType.ADDRESS,
        score=0.75,
        start=Start.NUMBER,
        run=(1, 6),
        regex=rf"{_NUMBER}\s+(?:{_NOT_PROSE}[\p{{L}}\d'.-]{{1,30}}+\s+){{1,3}}?{_STREET_SURE}\b\.?{_UNIT}{_PLACE}",
    ),
    Pattern(  # whatever the street is called: a state and a postcode end it
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.NUMBER,
        run=(1, 6),
        regex=rf"{_NUMBER}\s+(?:{_NOT_PROSE}[\p{{L}}\d'.-]{{1,30}}+\s+){{0,3}}{_NOT_PROSE}[\p{{L}}\d'.-]{{1,30}}+"
        rf"{_UNIT},?\s*"
        rf"[\p{{L}}'.-]{{1,30}}+(?:[ ][\p{{L}}'.-]{{1,30}}+){{0,3}},?\s*{_STATE},?\s+{_ZIP}\b",
    ),
    Pattern(  # and so does a British postcode
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.NUMBER,
        run=(1, 6),
        regex=rf"{_NUMBER},?\s+{_CAPITALISED}{{0,4}}(?-i:\p{{Lu}}[\p{{L}}'.-]{{1,30}}+)(?:,?\s+{TOWN}"
        rf"){{1,3}},?\s+{_UK_CODE}\b",
    ),
    Pattern(
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.WORD,
        words=_FROM_WORDS,
        regex=rf"{_FROM}\s*\#?[\p{{L}}\d-]{{1,5}},?\s+(?:(?-i:{TOWN}),?\s+)?{_NUMBER.replace('(?<![', '(?<![')}"
        rf"\s+{_CAPITALISED}{{1,4}}(?-i:(?=\p{{Lu}})(?i:{_STREET}))\b\.?{_PLACE}",
    ),
    Pattern(  # India: Flat 12, Shukla Street
        entity=EntityType.ADDRESS,
        score=0.75,
        start=Start.WORD,
        words=_FROM_WORDS,
        regex=rf"{_FROM}\s*\#?(?:no\.?\s*)?\d{{1,5}}[a-z]?,\s+(?-i:\p{{Lu}})[\p{{L}}.'-]{{1,30}}+(?:[ ]"
        rf"(?-i:\p{{Lu}})[\p{{L}}.'-]{{1,30}}+){{0,2}}[ ](?:street|road|colony|nagar|marg|lane|vihar"
        rf"|enclave|sector|chowk|layout|avenue)\b",
    ),
    labelled(
        EntityType.ADDRESS,
        "address|lives at|living at|resides at|residing at|live at|home address|i live at"
        "|mailing address|street address|delivered to|ship to|located at|moved to|staying at",
        between=r"[\"'*_]{0,3}\s*(?:is\s)?:?[\"'*_]{0,3}\s*",
        value=rf"(?<v>\d{{1,6}}[a-c]?\s+(?:[\p{{L}}\d'.-]{{1,30}}+\s+){{0,3}}[\p{{L}}\d'-]{{1,30}}+{_UNIT}{_PLACE})",
    ),
    Pattern(
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.WORD,
        words=words_of("p po post apartado apdo casilla"),
        regex=rf"(?<!\p{{L}})(?:p\.?\s?o\.?\s*box|post\s+office\s+box|apartado\s+(?:de\s+correos|postal)|apdo\.?"
        rf"|casilla\s+(?:de\s+correos?|postal))"
        rf"\s*\#?:?\s*(?:n[ºo°]\.?\s*)?\d[\d-]{{0,8}}{_PLACE}",
    ),
    Pattern(
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.WORD,
        words=words_of("ul ulica h"),
        regex=r"(?<!\p{L})(?:ul\.|ulica|h\.?\s?no\.?\s*\d{1,5}[a-z]?,)\s*(?-i:\p{Lu})[\p{L}\p{M}.'-]{1,30}+(?:[ ]"
        r"[\p{L}\p{M}.'-]{2,30}+){0,3}?(?:\s+\d{1,4}[a-z]?(?:/\d{1,4})?(?![\d/])|(?<=Street|Road|Nagar|Marg"
        r"|Lane|Colony))",
    ),
    Pattern(  # Australia
        entity=EntityType.POSTCODE,
        score=0.6,
        start=Start.WORD,
        words=words_of("nsw vic qld sa wa tas act nt"),
        regex=r"(?<![\p{L}\d])(?:NSW|VIC|QLD|(?-i:SA|WA|TAS|ACT|NT)),?\s+(?<v>\d{4})(?![\d-])",
    ),
    Pattern(
        entity=EntityType.POSTCODE,
        score=0.7,
        start=Start.WORD,
        words=_STATES_WORDS,
        regex=rf"{_STATES},?\s+(?<v>{_ZIP})(?![\d-])",
    ),
    labelled(
        EntityType.ADDRESS,
        "address|home address|street address|mailing address|street|residence|address line 1"
        "|billing address|shipping address|permanent address|current address",
        between=r"[\"'*_]{0,3}\s*[:=|]\s*[\"'*_]{0,3}",
        value=r"(?<v>(?=[^\n|\"]{0,40}\d)[^\n|\"]{5,120}?)(?=\s*(?:[|\"\n]|\.\s*\n|\.?$|;|\s{3}|,?\s\p{L}+\s?:))",
    ),
    Pattern(
        entity=EntityType.POSTCODE,
        score=0.7,
        start=Start.WORD,
        words=words_of(
            "ak al ar as az ca co ct dc de fl fm ga gu hi ia id il in ks ky la ma md me mh mi mn mo mp ms mt nc nd"
            " ne nh nj nm nv ny oh ok or pa pr pw ri sc sd tn tx ut va vi vt wa wi wv wy"
        ),
        regex=rf"(?<![\p{{L}}\d])(?-i:{_STATE}),?\s+(?<v>{_ZIP})(?![\d-])",
    ),
)

_PARTICLES = r"(?:(?:de|del|d'|la|las|los|el|san|santa|sta\.|sto\.|ntra\.|nuestra|don|doña|da|dos|do|i|y|of)\s*)"
_NAMED = r"(?:(?-i:\p{Lu}[\p{L}\p{M}'·ºª-]{0,30}+(?:(?<=\b\p{L}{1,4})\.)?|\d{1,2}(?=\s+de\s))\s*)"
_ROAD, _ROAD_WORDS = phrase(
    "calle|c/|cl|avenida|avda|av|avd|paseo|pso|po|plaza|pza|plz|pl|ronda|rda|camino|cno|carretera|ctra|travesia"
    "|trav|urbanizacion|urb|pasaje|pje|glorieta|gta|rambla|rbla|via|carrer|rua|callejon|colonia|col|carrera|cra"
    "|diagonal|jiron|jr|cuesta|alameda|barrio|bo|poligono|residencial|avinguda|plaça|passeig|cami|kalea|viale"
    "|corso|piazza|bulevar|blvd|calzada|calz|boulevard|autopista|transversal|sector|edificio|parque"
)
_FLOOR = (
    r"(?:[,;]?\s*(?:-\s*)?(?:n[ºo°]?\.?\s*|n[uú]m(?:ero)?\.?\s*|\#\s*)?(?:\d{1,4}(?:\s?(?:[oa]\b|"
    r"[ºª°])\.?)?(?:\s?-?\s?[A-H]\b)?(?:\s?[-/]\s?\d{1,4})?"
    r"|s/n|bajo|b[aá]jo\s?[A-H]?|[aá]tico|entresuelo|principal|ppal|piso|planta|portal|puerta|pta\.?|esc"
    r"(?:alera)?\.?|bloque|bl\.?|int\.?"
    r"|dpto\.?|depto\.?|izq(?:uierda)?\.?|izda\.?|dcha\.?|derecha|dch\.?|drcha\.?|(?-i:[A-H])"
    r"|km\.?\s?\d{1,4}(?:[.,]\d{3})?|iz\.?|P\d|\d{1,2}[A-H])(?![\p{L}\d])){1,7}"
)
_SPANISH_END = (
    rf"(?:,?\s+col(?:onia|\.)\s+(?:del?\s+)?{TOWN})?(?:[,.]?\s+(?:CP\s*)?\d{{5}}(?:[\s,-]+{TOWN})?"
    rf"(?:\s*\(\p{{L}}[\p{{L}} ]{{2,24}}\))?)?"
)

SPANISH_ADDRESSES = (
    Pattern(
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.WORD,
        words=_ROAD_WORDS,
        regex=rf"{_ROAD}\.?\s*{_PARTICLES}{{0,3}}{_NAMED}(?:{_PARTICLES}{{0,3}}{_NAMED}){{0,5}}{_FLOOR}{_SPANISH_END}",
    ),
    Pattern(  # in small letters
        entity=EntityType.ADDRESS,
        score=0.7,
        start=Start.WORD,
        words=words_of(
            "c calle avda av avenida plaza pza paseo ctra carretera camino ronda jiron carrer travesia pasaje"
        ),
        regex=r"(?<![\p{L}\d])(?:c/|(?:calle|avda|avenida|av|plaza|pza|paseo|ctra|carretera|camino|ronda|jir[oó]n"
        r"|carrer|travesia|pasaje)\b\.?)\s*(?:\p{L}{2,20}[ ]){0,4}?\p{L}{2,20},?\s*(?:n[ºo°]\.?\s*)?\d{1,4}"
        r"(?![\d/]|[.,]\d)"
        rf"{_FLOOR.replace('{1,7}', '{0,6}')}{_SPANISH_END}",
    ),
    Pattern(  # Colombia: Calle 78b # 69-240
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.WORD,
        words=words_of("calle cl carrera cra kr transversal diagonal avenida"),
        regex=r"(?<![\p{L}\d])(?:calle|cl|carrera|cra|kr|transversal|diagonal|avenida)\b\.?\s*\d{1,3}\s?[a-z]?"
        r"(?:\s+(?:bis|sur|norte))?\s*(?:\#|n[oº°]\b\.?|n[uú]mero)\s*\d{1,3}\s?[a-z]?\s?-\s?\d{1,3}",
    ),
    Pattern(  # a road by name, without a house
        entity=EntityType.ADDRESS,
        score=0.5,
        start=Start.WORD,
        words=_ROAD_WORDS
        - {"col", "via", "po", "pl", "av", "bo", "carrera", "sector", "parque", "cl", "edificio", "colonia", "jr"},
        regex=rf"(?=(?-i:\p{{Lu}})|c/|calle\s){_ROAD}\.?\s*{_PARTICLES}{{0,3}}{_NAMED}(?:[ ]?{_PARTICLES}{{0,3}}"
        rf"{_NAMED}){{0,3}}(?<![\s,;])",
    ),
    labelled(
        EntityType.ADDRESS,
        "domicilio|direccion|direccion postal|domicilio habitual|domicilio actual|reside en"
        "|con domicilio en|residente en|vive en|vecino de|wohnhaft in|adresse|anschrift|indirizzo|correspondencia"
        "|dirección particular",
        between=r"[\"'*_]{0,3}\s*(?:(?<colon>[:=|])\s*)?[\"'*_]{0,3}",
        value=r"(?<v>(?=[^\n|\"]{0,60}(?:\d|s/n))(?(colon)\p{L}|(?-i:[\p{Lu}\d]|c/))[^\n|\"]{4,120}?)(?=\s*(?:"
        r"[|\"\n]|\.\s*(?:\n|$|\p{Lu})|$|;|\s{3}|,?\s\p{L}+\s?:))",
    ),
)

_FR = "rue avenue boulevard place chemin allee allée impasse quai route cours square passage".split()
EUROPEAN_ADDRESSES = (
    Pattern(  # France
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.NUMBER,
        run=(1, 4),
        regex=rf"(?<![\d/.,-])\d{{1,4}}(?:\s?(?:bis|ter|quater|[a-c]\b))?,?\s+(?:{'|'.join(_FR)}|av\.|bd\.?|pl\.)\s+"
        rf"(?:(?:de|du|des|la|le|les|l'|d')\s*){{0,3}}(?-i:\p{{Lu}}[\p{{L}}\p{{M}}'.-]{{1,30}}+)(?:[ -](?:"
        rf"(?:de|du|des|la|le|les|et)[ ]){{0,2}}(?-i:\p{{Lu}}[\p{{L}}\p{{M}}'.-]{{1,30}}+)){{0,4}}{_PLACE}",
    ),
    Pattern(  # Germany, Austria, Switzerland: the street is one word with its number behind it
        entity=EntityType.ADDRESS,
        score=0.8,
        start=Start.ANYWHERE,
        needs=(
            "straße",
            "strasse",
            "str.",
            "weg",
            "platz",
            "allee",
            "gasse",
            "ring ",
            "damm",
            "ufer",
            "chaussee",
        ),
        regex=rf"(?<!\p{{L}})(?-i:(?:\p{{Lu}}[\p{{L}}-]{{1,30}}[ -]){{0,2}}\p{{Lu}}\p{{L}}{{0,40}}?(?:[ -]?"
        rf"[Ss]traße|[ -]?[Ss]trasse|[ -]?[Ss]tr\.|weg|platz|allee|gasse|damm|ufer|chaussee|STRASSE|STRAßE"
        rf"|STR\.|WEG|PLATZ|ALLEE|GASSE))\s+{_HOUSE}(?![\d%]|[.,]\d|\s?(?:mg|ml|mm|cm|days?|years?)\b)"
        rf"{_PLACE}",
    ),
    Pattern(  # the Netherlands, Belgium
        entity=EntityType.ADDRESS,
        score=0.75,
        start=Start.ANYWHERE,
        needs=("straat", "laan", "gracht", "plein", "kade"),
        regex=rf"(?<!\p{{L}})\p{{L}}{{2,40}}?(?:straat|laan|gracht|plein|kade)\s+{_HOUSE}(?:,?\s+\d{{4}}\s?(?-i:"
        rf"[A-Z]{{2}})\s+{TOWN})?",
    ),
)

ADDRESSES = (*ENGLISH_ADDRESSES, *SPANISH_ADDRESSES, *EUROPEAN_ADDRESSES)
