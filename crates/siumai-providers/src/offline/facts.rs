//! Facts about the world: time zones of cities, currencies, languages, countries, months, units.
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// The IANA time zone of a well-known city or country; `lower` is its name in lower case.
pub(super) fn zone_of(lower: &str) -> Option<&'static str> {
    ZONES_BY_NAME.get(lower).copied()
}

/// Whether a word is a city or country of the tables, in lower case.
pub(super) fn is_place(lower: &str) -> bool {
    zone_of(lower).is_some() || is_country(lower)
}

/// Whether a name is that of a country, in lower case.
pub(super) fn is_country(lower: &str) -> bool {
    COUNTRY_NAMES.contains(lower)
}

/// The ISO 4217 code for a currency's code, name or sign.
pub(super) fn currency_of(word: &str) -> Option<&'static str> {
    // `try` is the one code that is a word of every day.
    if word == "try" {
        return None;
    }
    CURRENCIES_BY_NAME
        .get(word)
        .or_else(|| CURRENCIES_BY_NAME.get(word.to_lowercase().as_str()))
        .copied()
}

/// The ISO 639-1 code for the name of a language, in lower case.
pub(super) fn language_code(lower: &str) -> Option<&'static str> {
    LANGUAGES_BY_NAME.get(lower).copied()
}

/// The number of a month, 1 to 12, by its name in lower case.
pub(super) fn month(lower: &str) -> Option<u8> {
    let found = MONTHS.iter().zip(1..).find(|(names, _)| names.split(' ').any(|it| it == lower));
    found.map(|(_, number)| number)
}

/// A day that is told from today, such as `tomorrow` or `friday`, in lower case.
pub(super) fn is_relative_day(lower: &str) -> bool {
    RELATIVE_DAYS.split(' ').any(|it| it == lower)
}

/// What a word measures, if it is the name of a unit; `lower` is in lower case.
pub(super) fn unit(lower: &str) -> Option<Unit> {
    UNITS_BY_NAME.get(lower).copied()
}

static ZONES_BY_NAME: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    ZONES.iter().flat_map(|(zone, names)| names.split(", ").map(|it| (it, *zone))).collect()
});

static COUNTRY_NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| COUNTRIES.split(", ").collect());

static LANGUAGES_BY_NAME: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    LANGUAGES.iter().flat_map(|(code, names)| names.split(' ').map(|it| (it, *code))).collect()
});

static CURRENCIES_BY_NAME: LazyLock<HashMap<String, &str>> = LazyLock::new(|| {
    let named = CURRENCIES.iter().flat_map(|(code, names)| {
        let codes = [(*code).to_owned(), code.to_lowercase()];
        names.split_whitespace().map(str::to_owned).chain(codes).map(|it| (it, *code))
    });
    named.collect()
});

static UNITS_BY_NAME: LazyLock<HashMap<&str, Unit>> = LazyLock::new(|| {
    let named = UNITS.iter().flat_map(|(quantity, size, names)| {
        names.split(' ').map(|it| (it, Unit { quantity: *quantity, size: *size }))
    });
    named.collect()
});

/// A unit of measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    pub(super) quantity: Quantity,
    /// In the quantity's smallest unit of the table.
    pub(super) size: f64,
}

/// What units can be changed into each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    Time,
    Length,
    Mass,
    Temperature,
    Share,
}

const UNITS: &[(Quantity, f64, &str)] = &[
    (Quantity::Time, 0.001, "ms millisecond milliseconds"),
    (Quantity::Time, 1.0, "s sec secs second seconds sekunde sekunden"),
    (Quantity::Time, 60.0, "min mins minute minutes minuten"),
    (Quantity::Time, 3600.0, "h hr hrs hour hours stunde stunden heure heures"),
    (Quantity::Time, 86_400.0, "d day days tag tage tagen jour jours"),
    (Quantity::Time, 604_800.0, "week weeks woche wochen semaine semaines"),
    (Quantity::Time, 2_629_746.0, "month months monat monate monaten mois"),
    (Quantity::Time, 31_556_952.0, "year years jahr jahre jahren année années"),
    (Quantity::Length, 0.001, "mm millimeter millimeters"),
    (Quantity::Length, 0.01, "cm centimeter centimeters"),
    (Quantity::Length, 1.0, "m meter meters metre metres"),
    (Quantity::Length, 1000.0, "km kilometer kilometers kilometre kilometres"),
    (Quantity::Length, 1609.344, "mile miles"),
    (Quantity::Mass, 1.0, "g gram grams"),
    (Quantity::Mass, 1000.0, "kg kilo kilos kilogram kilograms"),
    (Quantity::Temperature, 1.0, "° °c celsius degree degrees grad"),
    (Quantity::Share, 1.0, "% percent per-cent prozent"),
];

const MONTHS: [&str; 12] = [
    "january jan januar janvier",
    "february feb februar février",
    "march mar märz mars",
    "april apr avril",
    "may mai",
    "june jun juni juin",
    "july jul juli juillet",
    "august aug août",
    "september sep sept septembre",
    "october oct oktober octobre",
    "november nov novembre",
    "december dec dezember décembre",
];

const RELATIVE_DAYS: &str = "today tonight tomorrow yesterday monday tuesday wednesday thursday friday saturday sunday \
     weekend heute morgen übermorgen gestern demain hier aujourd'hui morning afternoon evening night noon midnight";

const LANGUAGES: &[(&str, &str)] = &[
    ("ar", "arabic arabisch arabe"),
    ("bg", "bulgarian"),
    ("ca", "catalan"),
    ("cs", "czech tschechisch"),
    ("da", "danish dänisch"),
    ("de", "german deutsch deutsche allemand"),
    ("el", "greek griechisch"),
    ("en", "english englisch englische anglais"),
    ("es", "spanish spanisch espagnol"),
    ("fa", "persian farsi"),
    ("fi", "finnish"),
    ("fr", "french französisch französische français"),
    ("he", "hebrew"),
    ("hi", "hindi"),
    ("hu", "hungarian"),
    ("id", "indonesian"),
    ("it", "italian italienisch italien"),
    ("ja", "japanese japanisch japonais"),
    ("ko", "korean koreanisch"),
    ("la", "latin latein"),
    ("nl", "dutch niederländisch"),
    ("no", "norwegian norwegisch"),
    ("pl", "polish polnisch"),
    ("pt", "portuguese portugiesisch"),
    ("ro", "romanian"),
    ("ru", "russian russisch"),
    ("sk", "slovak"),
    ("sv", "swedish schwedisch"),
    ("sw", "swahili"),
    ("th", "thai"),
    ("tr", "turkish türkisch"),
    ("uk", "ukrainian ukrainisch"),
    ("ur", "urdu"),
    ("vi", "vietnamese"),
    ("zh", "chinese mandarin chinesisch chinois"),
];

const CURRENCIES: &[(&str, &str)] = &[
    ("USD", "$ dollar dollars buck bucks"),
    ("EUR", "€ euro euros"),
    ("GBP", "£ pound pounds sterling quid pfund"),
    ("JPY", "¥ yen"),
    ("CHF", "franc francs franken"),
    ("CNY", "yuan renminbi"),
    ("INR", "₹ rupee rupees"),
    ("AUD", ""),
    ("CAD", ""),
    ("NZD", ""),
    ("SEK", ""),
    ("NOK", ""),
    ("DKK", ""),
    ("PLN", "zloty zlotys złoty"),
    ("CZK", "koruna"),
    ("HUF", "forint"),
    ("TRY", "₺ lira"),
    ("BRL", "real reais"),
    ("MXN", "peso pesos"),
    ("ZAR", "rand"),
    ("KRW", "₩ won"),
    ("SGD", ""),
    ("HKD", ""),
    ("THB", "baht"),
    ("ILS", "₪ shekel shekels"),
    ("RUB", "₽ ruble rubles"),
    ("UAH", "₴ hryvnia"),
    ("BTC", "bitcoin bitcoins"),
    ("ETH", "ether ethereum"),
];

const COUNTRIES: &str = "argentina, australia, austria, belgium, brazil, canada, chile, china, colombia, croatia, \
     czechia, denmark, egypt, england, estonia, finland, france, germany, greece, hungary, iceland, india, indonesia, \
     ireland, israel, italy, japan, kenya, korea, latvia, lithuania, malaysia, mexico, morocco, netherlands, \
     new zealand, nigeria, norway, peru, philippines, poland, portugal, romania, scotland, serbia, singapore, slovakia, \
     slovenia, south africa, spain, sweden, switzerland, taiwan, thailand, turkey, uk, ukraine, united kingdom, \
     united states, usa, us, vietnam, wales, california, texas, florida, ontario, deutschland, österreich, schweiz";

const ZONES: &[(&str, &str)] = &[
    ("Africa/Cairo", "cairo, egypt"),
    ("Africa/Johannesburg", "johannesburg, cape town, south africa"),
    ("Africa/Lagos", "lagos, nigeria"),
    ("Africa/Nairobi", "nairobi, kenya"),
    ("America/Anchorage", "anchorage, alaska"),
    ("America/Argentina/Buenos_Aires", "buenos aires, argentina"),
    ("America/Bogota", "bogota, bogotá, colombia"),
    ("America/Chicago", "chicago, houston, dallas, austin"),
    ("America/Denver", "denver"),
    ("America/Lima", "lima, peru"),
    (
        "America/Los_Angeles",
        "los angeles, san francisco, seattle, san diego, las vegas, california",
    ),
    ("America/Mexico_City", "mexico city, mexico"),
    (
        "America/New_York",
        "new york, new york city, nyc, boston, washington, miami, atlanta, philadelphia",
    ),
    ("America/Phoenix", "phoenix"),
    ("America/Santiago", "santiago, chile"),
    ("America/Sao_Paulo", "sao paulo, são paulo, rio de janeiro, rio, brazil, brasilia"),
    ("America/Toronto", "toronto, montreal, ottawa"),
    ("America/Vancouver", "vancouver"),
    ("Asia/Bangkok", "bangkok, thailand"),
    ("Asia/Dubai", "dubai, abu dhabi"),
    ("Asia/Ho_Chi_Minh", "ho chi minh city, saigon, vietnam"),
    ("Asia/Hong_Kong", "hong kong"),
    ("Asia/Jakarta", "jakarta"),
    ("Asia/Jerusalem", "jerusalem, tel aviv, israel"),
    ("Asia/Karachi", "karachi, lahore, pakistan"),
    ("Asia/Kolkata", "kolkata, mumbai, delhi, new delhi, bangalore, bengaluru, chennai, india"),
    ("Asia/Manila", "manila, philippines"),
    ("Asia/Seoul", "seoul, korea, south korea"),
    ("Asia/Shanghai", "shanghai, beijing, shenzhen, china"),
    ("Asia/Singapore", "singapore"),
    ("Asia/Taipei", "taipei, taiwan"),
    ("Asia/Tehran", "tehran, iran"),
    ("Asia/Tokyo", "tokyo, osaka, kyoto, japan"),
    ("Atlantic/Reykjavik", "reykjavik, iceland"),
    ("Australia/Brisbane", "brisbane"),
    ("Australia/Melbourne", "melbourne"),
    ("Australia/Perth", "perth"),
    ("Australia/Sydney", "sydney, canberra"),
    ("Europe/Amsterdam", "amsterdam, netherlands"),
    ("Europe/Athens", "athens, greece"),
    ("Europe/Belgrade", "belgrade, serbia"),
    (
        "Europe/Berlin",
        "berlin, hamburg, munich, frankfurt, cologne, germany, deutschland, münchen, köln",
    ),
    ("Europe/Brussels", "brussels, belgium"),
    ("Europe/Bucharest", "bucharest, romania"),
    ("Europe/Budapest", "budapest, hungary"),
    ("Europe/Copenhagen", "copenhagen, denmark"),
    ("Europe/Dublin", "dublin, ireland"),
    ("Europe/Helsinki", "helsinki, finland"),
    ("Europe/Istanbul", "istanbul, ankara, turkey"),
    ("Europe/Kyiv", "kyiv, kiev, ukraine"),
    ("Europe/Lisbon", "lisbon, porto, portugal"),
    ("Europe/London", "london, edinburgh, manchester, england, uk, united kingdom, scotland"),
    ("Europe/Madrid", "madrid, barcelona, seville, spain"),
    ("Europe/Moscow", "moscow, russia"),
    ("Europe/Oslo", "oslo, norway"),
    ("Europe/Paris", "paris, lyon, marseille, france"),
    ("Europe/Prague", "prague, czechia"),
    ("Europe/Rome", "rome, milan, naples, italy"),
    ("Europe/Sofia", "sofia, bulgaria"),
    ("Europe/Stockholm", "stockholm, sweden"),
    ("Europe/Vienna", "vienna, austria, wien, österreich"),
    ("Europe/Warsaw", "warsaw, krakow, poland"),
    ("Europe/Zurich", "zurich, zürich, geneva, bern, basel, switzerland, schweiz"),
    ("Pacific/Auckland", "auckland, wellington, new zealand"),
    ("Pacific/Honolulu", "honolulu, hawaii"),
    ("UTC", "utc, gmt, greenwich"),
];
