//! Cuts a text into tokens, one at a time, always at character boundaries.
use super::{Kind, Token};
use crate::offline::words::Stem;

pub(super) struct Scanner<'a> {
    source: &'a str,
    at: usize,
    /// Closing quotes that the rest of the text does not have.
    unclosed: Vec<&'static str>,
}

/// What a recogniser found at the front of the rest: how many bytes, what, and its bare value.
type Found = Option<(usize, Kind, String)>;

impl<'a> Scanner<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, at: 0, unclosed: Vec::new() }
    }

    /// The next token; `last` is the one before it.
    pub(super) fn next(&mut self, last: Option<&Token>) -> Option<Token> {
        let start = self.at;
        self.skip_blanks();
        let spaced = self.at > start || start == 0;
        let rest = self.source.get(self.at..)?;
        let first = rest.chars().next()?;
        let chunk = chunk(rest);
        let is_first = spaced || last.is_none_or(|it| matches!(it.kind, Kind::Mark | Kind::Break));
        let after_number =
            last.is_some_and(|it| matches!(it.kind, Kind::Number(_)) || it.value == ")");
        let after_comma = !spaced && last.is_some_and(|it| it.value == ",");
        let (length, kind, value) = line_break(rest)
            .or_else(|| self.quoted(rest, is_first))
            .or_else(|| url(chunk))
            .or_else(|| email(chunk))
            .or_else(|| zone(chunk))
            .or_else(|| date(chunk))
            .or_else(|| time(rest))
            .or_else(|| path(chunk, is_first, after_number))
            .or_else(|| identifier(chunk))
            .or_else(|| number(chunk, after_comma))
            .or_else(|| word(rest))
            .unwrap_or_else(|| (first.len_utf8(), Kind::Mark, first.to_string()));
        let span = self.at..self.at + length;
        self.at = span.end;
        let stem = if kind == Kind::Word { Stem::new(&value) } else { Stem::default() };
        Some(Token { span, kind, value, stem, spaced })
    }

    /// All that is left, as one token.
    pub(super) fn rest(&mut self) -> Option<Token> {
        let span = self.at..self.source.len();
        self.at = span.end;
        (!span.is_empty()).then(|| Token {
            span,
            kind: Kind::Rest,
            value: String::new(),
            stem: Stem::default(),
            spaced: true,
        })
    }

    fn skip_blanks(&mut self) {
        let rest = &self.source[self.at..];
        let blank = rest.find(|it: char| !it.is_whitespace() || it == '\n').unwrap_or(rest.len());
        self.at += blank;
    }

    /// Text in quotes of any kind, or in a block of code.
    fn quoted(&mut self, rest: &str, may_open: bool) -> Found {
        let quote = QUOTES.iter().find(|(open, _)| rest.starts_with(open));
        let (open, closings) = quote.filter(|(open, _)| *open != "'" || may_open)?;
        let inside = &rest[open.len()..];
        // An apostrophe closes nothing in the middle of a word.
        let ends_word = |end: usize| !inside[end..].starts_with(char::is_alphanumeric);
        let is_end =
            |at: usize, it: &str| "\"`".contains(*open) || it == "```" || ends_word(at + it.len());
        let ends = |closing: &'static str| {
            let mut found = inside.match_indices(closing).map(|(at, it)| (at, it.len()));
            found.find(|(at, _)| is_end(*at, closing))
        };
        let known: Vec<&'static str> =
            closings.iter().copied().filter(|it| !self.unclosed.contains(it)).collect();
        let found = known.iter().filter_map(|it| ends(it)).min();
        let Some((end, length)) = found else {
            self.unclosed.extend(known);
            return None;
        };
        let inside = &inside[..end];
        let is_text = !inside.trim().is_empty() && (*open != "'" || !inside.contains('\n'));
        let value = if *open == "```" { without_language(inside) } else { inside };
        is_text.then(|| (open.len() + end + length, Kind::Quoted, value.to_owned()))
    }
}

/// Opening quotes, the longer ones first, with what may close them.
const QUOTES: [(&str, &[&str]); 9] = [
    ("```", &["```"]),
    ("\"", &["\""]),
    ("`", &["`"]),
    ("“", &["”"]),
    ("„", &["“", "”"]),
    ("«", &["»"]),
    ("「", &["」"]),
    ("‘", &["’"]),
    ("'", &["'"]),
];

/// What stands on the opening line of a block names its language.
fn without_language(code: &str) -> &str {
    let code =
        code.split_once('\n').filter(|(first, _)| !first.contains(' ')).map_or(code, |(_, it)| it);
    code.trim_end_matches('\n')
}

/// What stands up to the next white space; no literal is longer than this.
fn chunk(rest: &str) -> &str {
    const MOST_BYTES: usize = 512;
    let end =
        (0..=MOST_BYTES.min(rest.len())).rev().find(|it| rest.is_char_boundary(*it)).unwrap_or(0);
    rest[..end].split(char::is_whitespace).next().unwrap_or("")
}

fn line_break(rest: &str) -> Found {
    rest.starts_with('\n').then(|| (1, Kind::Break, "\n".to_owned()))
}

fn url(chunk: &str) -> Found {
    let lower: String = chunk.chars().take(8).collect::<String>().to_ascii_lowercase();
    if !["http://", "https://", "www.", "ftp://"].iter().any(|it| lower.starts_with(it)) {
        return bare_domain(chunk);
    }
    let end = chunk.find(['"', '<', '>', '`', '”', '»']).unwrap_or(chunk.len());
    let address = trimmed(&chunk[..end]);
    // A closing bracket belongs to the address only if it was opened in it.
    let address = if address.contains('(') { address } else { address.trim_end_matches(')') };
    (address.len() > 8).then(|| (address.len(), Kind::Url, address.to_owned()))
}

/// `example.com/page`, without a scheme.
fn bare_domain(chunk: &str) -> Found {
    let address = trimmed(chunk).trim_end_matches(')');
    let host = address.split(['/', '?']).next()?;
    let (name, end) = host.rsplit_once('.')?;
    let is_host = !name.is_empty()
        && name.chars().all(|it| it.is_alphanumeric() || it == '-' || it == '.')
        && name.chars().any(char::is_alphabetic)
        && !name.starts_with('.');
    let is_domain =
        ["com", "org", "net", "edu", "gov", "io", "dev", "de", "fr", "uk"].contains(&end);
    (is_host && is_domain).then(|| (address.len(), Kind::Url, address.to_owned()))
}

fn email(chunk: &str) -> Found {
    let is_part = |it: char| it.is_alphanumeric() || "._%+-".contains(it);
    let at = chunk.find('@')?;
    let (name, rest) = (&chunk[..at], &chunk[at + 1..]);
    let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
    let domain = rest[..end].trim_end_matches(['.', '-']);
    let is_address = !name.is_empty()
        && name.chars().all(is_part)
        && domain.contains('.')
        && !domain.starts_with('.');
    let length = at + 1 + domain.len();
    is_address.then(|| (length, Kind::Email, chunk[..length].to_owned()))
}

/// Abbreviations that time zone databases lack stand for the zone of the largest city that keeps it.
const SHORT_ZONES: [(&str, &str); 10] = [
    ("UTC", "UTC"),
    ("GMT", "UTC"),
    ("CET", "Europe/Berlin"),
    ("CEST", "Europe/Berlin"),
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("JST", "Asia/Tokyo"),
    ("BST", "Europe/London"),
];

/// `Asia/Tokyo`, `America/Argentina/Buenos_Aires`, `UTC`.
fn zone(chunk: &str) -> Found {
    const AREAS: [&str; 11] = [
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
        "Etc",
    ];
    let end = chunk
        .find(|it: char| !(it.is_alphanumeric() || "_/+-".contains(it)))
        .unwrap_or(chunk.len());
    let name = chunk[..end].trim_end_matches('/');
    let short = SHORT_ZONES.iter().find(|(short, _)| *short == name);
    if let Some((_, zone)) = short {
        return Some((name.len(), Kind::Zone, (*zone).to_owned()));
    }
    let is_long = name.split_once('/').is_some_and(|(area, city)| {
        AREAS.contains(&area) && city.chars().next().is_some_and(char::is_uppercase)
    });
    is_long.then(|| (name.len(), Kind::Zone, name.to_owned()))
}

/// `2026-03-01`, with a time or without, and `1.3.2026`. `3/1/2026` stays as it is: nobody knows which is the month.
fn date(chunk: &str) -> Found {
    let is_iso = |text: &str| {
        let bytes = text.as_bytes();
        bytes.len() == 10
            && bytes.iter().enumerate().all(|(at, it)| match at {
                4 | 7 => *it == b'-',
                _ => it.is_ascii_digit(),
            })
    };
    if let Some(day) = chunk.get(..10).filter(|it| is_iso(it)) {
        let rest = &chunk[10..];
        if rest.starts_with('T') {
            let end = rest.find(|it: char| !(it.is_ascii_alphanumeric() || ":.+-".contains(it)));
            let moment = trimmed(&chunk[..10 + end.unwrap_or(rest.len())]);
            return Some((moment.len(), Kind::Date, moment.to_owned()));
        }
        let ends = !rest.starts_with(|it: char| it.is_alphanumeric() || it == '-');
        return ends.then(|| (10, Kind::Date, day.to_owned()));
    }
    let end = chunk
        .find(|it: char| !(it.is_ascii_digit() || it == '.' || it == '/'))
        .unwrap_or(chunk.len());
    let text = chunk[..end].trim_end_matches(['.', '/']);
    let mark = if text.contains('/') { '/' } else { '.' };
    let numbers: Vec<u32> = text.split(mark).map_while(|it| it.parse().ok()).collect();
    let &[day, month, year] = numbers.as_slice() else { return None };
    let is_date =
        (1..=31).contains(&day) && (1..=31).contains(&month) && (1000..3000).contains(&year);
    if !is_date || text.split(mark).count() != 3 {
        return None;
    }
    let is_known = mark == '.' && month <= 12;
    let value = if is_known { format!("{year:04}-{month:02}-{day:02}") } else { text.to_owned() };
    Some((text.len(), Kind::Date, value))
}

/// `15:00`, `3:30 pm`, `3pm`; the value is in 24 hours.
fn time(rest: &str) -> Found {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let hours = digits(rest);
    if hours == 0 || hours > 2 {
        return None;
    }
    let mut hour: u32 = rest[..hours].parse().ok()?;
    let mut length = hours;
    let mut minutes = "00";
    if let Some(after) = rest[hours..].strip_prefix(':') {
        if digits(after) != 2 {
            return None;
        }
        minutes = &after[..2];
        length += 3;
    }
    let after = &rest[length..];
    let bare = after.trim_start_matches(' ');
    let half: String = bare.chars().take(2).collect::<String>().to_ascii_lowercase();
    let is_half = (half == "am" || half == "pm") && !bare[2..].starts_with(char::is_alphanumeric);
    if is_half {
        length += after.len() - bare.len() + 2;
        hour = hour % 12 + if half == "pm" { 12 } else { 0 };
    }
    let is_time = (is_half || length > hours) && hour < 24 && minutes < "60";
    is_time.then(|| (length, Kind::Time, format!("{hour:02}:{minutes}")))
}

/// `src/lib.rs`, `./a`, `~/b`, `/etc/hosts`, `*.rs`, `Cargo.toml`.
fn path(chunk: &str, is_first: bool, after_number: bool) -> Found {
    let is_part = |it: char| it.is_alphanumeric() || "./\\_-~*@+".contains(it);
    let end = chunk.find(|it| !is_part(it)).unwrap_or(chunk.len());
    let text = chunk[..end].trim_end_matches('.');
    if text == "/" && chunk.len() == 1 && !after_number {
        return Some((1, Kind::Path, text.to_owned()));
    }
    if after_number || !text.chars().any(char::is_alphabetic) {
        return None;
    }
    // The `/or` of `and/or` is the middle of something.
    if !is_first && text.starts_with(['/', '.', '~']) {
        return None;
    }
    let rooted = ["/", "./", "../", "~/"].iter().any(|it| text.starts_with(it));
    let is_path = rooted || has_extension(text) || is_folder(text);
    is_path.then(|| (text.len(), Kind::Path, text.to_owned()))
}

fn has_extension(text: &str) -> bool {
    let file = text.rsplit(['/', '\\']).next().unwrap_or(text);
    let Some((stem, extension)) = file.rsplit_once('.') else { return false };
    let is_extension = (1..=5).contains(&extension.len())
        && extension.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
        && extension.starts_with(|it: char| it.is_alphabetic());
    // `e.g`, `a.k.a` and `p.m` are no files.
    let is_short = extension.len() < 2 && (stem.chars().count() < 2 || stem.contains('.'));
    let is_hidden = stem.is_empty() && file.len() > 2;
    is_extension && !is_short && (!stem.is_empty() || is_hidden)
}

fn is_folder(text: &str) -> bool {
    const NO_PATHS: [&str; 8] =
        ["and/or", "he/she", "she/he", "km/h", "w/o", "n/a", "yes/no", "on/off"];
    let lower = text.to_lowercase();
    let starts_well = text.starts_with(|it: char| it.is_alphabetic() || it == '_');
    starts_well
        && text.trim_end_matches('/').len() > 1
        && text.contains('/')
        && !NO_PATHS.contains(&lower.as_str())
}

/// `A-1042`, `QX7K2`, `#1042`.
fn identifier(chunk: &str) -> Found {
    let is_part = |it: char| it.is_alphanumeric() || it == '-' || it == '_';
    if let Some(rest) = chunk.strip_prefix('#') {
        let end = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
        let is_number = rest[..end].chars().any(char::is_numeric);
        return is_number.then(|| (end + 1, Kind::Identifier, rest[..end].to_owned()));
    }
    let end = chunk.find(|it| !is_part(it)).unwrap_or(chunk.len());
    let text = chunk[..end].trim_end_matches(['-', '_']);
    let first = text.chars().next()?;
    let has_digit = text.chars().any(|it| it.is_ascii_digit());
    let has_capital = text.chars().any(char::is_uppercase);
    // `20EUR` is a number and its unit, `2x` and `10km` too.
    let is_measure = first.is_ascii_digit() && {
        let unit = text.trim_start_matches(|it: char| it.is_ascii_digit());
        !has_capital || !unit.chars().any(|it| it.is_ascii_digit()) && unit.len() <= 3
    };
    let is_one = first.is_alphanumeric()
        && has_digit
        && text.chars().any(char::is_alphabetic)
        && !is_measure;
    is_one.then(|| (text.len(), Kind::Identifier, text.to_owned()))
}

/// `12`, `1,250.50`, `1.250,50`, `.5`; the value has no separators and a point.
fn number(rest: &str, after_comma: bool) -> Found {
    let end = rest
        .find(|it: char| !(it.is_ascii_digit() || it == '.' || it == ','))
        .unwrap_or(rest.len());
    let text = rest[..end].trim_end_matches(['.', ',']);
    if !text.bytes().any(|it| it.is_ascii_digit()) {
        return None;
    }
    let plain = grouped(text, ',', '.')
        .or_else(|| grouped(text, '.', ','))
        // After `1,` of `1,2,3` there are more items.
        .or_else(|| decimal_comma(text).filter(|_| !after_comma));
    let (length, plain) = match plain {
        Some(plain) => (text.len(), plain),
        None => plain_number(text),
    };
    let value: f64 = plain.parse().ok().filter(|it: &f64| it.is_finite())?;
    Some((length, Kind::Number(value), plain))
}

/// Digits with one point at most: what is left of `1.2.3` or `1,2,3` is another token.
fn plain_number(text: &str) -> (usize, String) {
    let mut points = 0;
    let end = text.find(|it| {
        points += usize::from(it == '.');
        it == ',' || points > 1
    });
    let plain = text[..end.unwrap_or(text.len())].trim_end_matches('.');
    let value = if plain.starts_with('.') { format!("0{plain}") } else { plain.to_owned() };
    (plain.len(), value)
}

/// `1,250.50` with `group` between thousands and `point` before the fraction.
fn grouped(text: &str, group: char, point: char) -> Option<String> {
    let (whole, fraction) =
        text.split_once(point).map_or((text, None), |(whole, it)| (whole, Some(it)));
    let mut groups = whole.split(group);
    let first = groups.next()?;
    let rest: Vec<_> = groups.collect();
    let is_digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    let is_grouped = !rest.is_empty()
        && (1..=3).contains(&first.len())
        && is_digits(first)
        && rest.iter().all(|it| it.len() == 3 && is_digits(it))
        && fraction.is_none_or(|it| !it.is_empty() && is_digits(it))
        // `1.250` alone is a fraction to most readers.
        && (group == ',' || fraction.is_some());
    is_grouped.then(|| {
        let fraction = fraction.map(|it| format!(".{it}")).unwrap_or_default();
        format!("{first}{}{fraction}", rest.concat())
    })
}

/// `3,5` is three and a half; `1,2,3` is a list.
fn decimal_comma(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once(',')?;
    let is_digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    (is_digits(whole) && is_digits(fraction)).then(|| format!("{whole}.{fraction}"))
}

fn word(rest: &str) -> Found {
    let mut end = 0;
    let mut letters = rest.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let joins = "'’".contains(letter)
            && at > 0
            && letters.peek().is_some_and(|(_, it)| it.is_alphabetic());
        if !letter.is_alphanumeric() && !joins && letter != '_' {
            break;
        }
        end = at + letter.len_utf8();
    }
    let text = &rest[..end];
    text.starts_with(char::is_alphanumeric)
        .then(|| (end, Kind::Word, text.to_lowercase().replace('’', "'")))
}

/// Without the punctuation of the sentence around it.
fn trimmed(text: &str) -> &str {
    text.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '"', ']', '}'])
}
