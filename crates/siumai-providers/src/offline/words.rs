//! Words: their stems, which of them say nothing, and which of them mean the same.
//!
//! Everything that the model knows of language in general is a table of this file.
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// A word without its ending, in lower case: those of `cities` and `city`, `writing` and `write` are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Stem {
    text: String,
    /// The groups of words that mean the same, and how firmly it is in each.
    groups: &'static [(usize, f32)],
    weight: f32,
}

impl Stem {
    pub(super) fn new(word: &str) -> Self {
        let text = bare(word);
        let groups = GROUPS_OF.get(&text).map_or(&[] as &[_], Vec::as_slice);
        let weight = match text.as_str() {
            "" => 0.0,
            stop if STOP.contains(stop) => 0.0,
            weak if WEAK.contains(weak) => 0.3,
            _ => 1.0,
        };
        Self { text, groups, weight }
    }

    /// What no word stands for.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What it tells about a task: 0 nothing, 1 as much as any word.
    pub(super) fn weight(&self) -> f32 {
        self.weight
    }

    /// What it tells in the name of a tool: a task that wants `find_hotels` need not say `find`.
    pub(super) fn weight_in_name(&self) -> f32 {
        if self.text == "find" { 0.3 } else { self.weight.max(0.1) }
    }

    /// Whether it tells as much as any word, rather than that it goes with most tasks.
    pub(super) fn is_telling(&self) -> bool {
        self.weight > 0.9
    }

    /// How alike two words are: 1 for the same, less for words of one group, 0 for strangers.
    pub(super) fn likeness(&self, other: &Self) -> f32 {
        if self.text == other.text {
            return 1.0;
        }
        let shared = self.groups.iter().flat_map(|(group, weight)| {
            other
                .groups
                .iter()
                .filter(move |(it, _)| it == group)
                .map(move |(_, it)| weight.min(*it))
        });
        0.9 * shared.fold(0.0, f32::max)
    }

    /// The likeness to the nearest of some words.
    pub(super) fn nearest(&self, words: &[Self]) -> f32 {
        words.iter().map(|it| it.likeness(self)).fold(0.0, f32::max)
    }

    /// Whether it is firmly in the group that is named by its first word.
    pub(super) fn is_in(&self, group: &str) -> bool {
        let is_named = |at: usize| GROUPS[at].split_whitespace().next() == Some(group);
        self.groups.iter().any(|(at, weight)| *weight > 0.6 && is_named(*at))
    }
}

impl PartialEq for Stem {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

fn bare(word: &str) -> String {
    let lower = word.to_lowercase().replace('’', "'");
    let word = ["'s", "'re", "'ll", "'d", "'ve", "'m"]
        .iter()
        .find_map(|it| lower.strip_suffix(it))
        .unwrap_or(&lower);
    let word = singular(word);
    let bare = ["ingly", "edly", "ly", "ing", "ation", "ator", "ion", "ed"]
        .iter()
        .find_map(|ending| {
            word.strip_suffix(ending)
                .filter(|it| it.len() > 2 && it.contains(['a', 'e', 'i', 'o', 'u', 'y']))
        })
        .map_or(word.clone(), root);
    match bare.strip_suffix("at").or_else(|| bare.strip_suffix("ate")) {
        Some(root) if root.len() > 4 => root.to_owned(),
        _ => bare.strip_suffix('e').filter(|it| it.len() > 3).unwrap_or(&bare).to_owned(),
    }
}

/// The words of a name such as `get_weather`, `finalAnswer` or `read-file`, in lower case.
pub(super) fn words_of_name(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut after_lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() {
            after_lower = false;
            parts.push(String::new());
            continue;
        }
        if parts.is_empty() || (letter.is_uppercase() && after_lower) {
            parts.push(String::new());
        }
        after_lower = letter.is_lowercase() || letter.is_numeric();
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.iter().filter(|it| !it.is_empty()).map(|it| it.to_lowercase()).collect()
}

/// The words of a text, in lower case.
pub(super) fn words_of_prose(text: &str) -> Vec<String> {
    text.split(|it: char| !(it.is_alphanumeric() || it == '\'' || it == '’'))
        .filter(|it| !it.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The stems of some words.
pub(super) fn stems(words: &[String]) -> Vec<Stem> {
    words.iter().map(|it| Stem::new(it)).collect()
}

/// Whether one of `words` is one of a list, parted by blanks, or its plural.
pub(super) fn any_of(list: &str, words: &[String]) -> bool {
    let mut list = list.split_whitespace();
    list.any(|it| words.iter().any(|word| word == it || word.strip_suffix('s') == Some(it)))
}

/// Whether a word is one of a list, parted by blanks.
pub(super) fn is_one_of(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|it| it == word)
}

/// The longest known phrase that `words` (lower case) begin with: how many words, and the word it stands for.
pub(super) fn phrase(words: &[&str]) -> Option<(usize, &'static str)> {
    let candidates = PHRASES_OF.get(words.first()?)?;
    candidates
        .iter()
        .filter(|(phrase, _)| {
            words.len() >= phrase.len() && words.iter().zip(phrase).all(|(a, b)| a == b)
        })
        .max_by_key(|(phrase, _)| phrase.len())
        .map(|(phrase, meaning)| (phrase.len(), *meaning))
}

/// The value of a number that is written as a word.
pub(super) fn number_word(lower: &str) -> Option<f64> {
    NUMBERS.get(lower).copied()
}

fn singular(word: &str) -> String {
    for (ending, instead) in
        [("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x")]
    {
        if let Some(root) = word.strip_suffix(ending).filter(|it| it.len() > 1) {
            return format!("{root}{instead}");
        }
    }
    match word.strip_suffix('s') {
        Some(root) if root.len() > 2 && !root.ends_with(['s', 'u', 'i']) => root.to_owned(),
        _ => word.to_owned(),
    }
}

/// What is left without its ending as it stands alone: `runn` is `run`, `sav` is `save`.
fn root(rest: &str) -> String {
    let letters: Vec<char> = rest.chars().collect();
    let is_vowel = |letter: &char| "aeiou".contains(*letter);
    match letters.as_slice() {
        [.., other, last] if letters.len() > 3 && other == last && "bdgmnprt".contains(*last) => {
            letters[..letters.len() - 1].iter().collect()
        }
        [first, vowel, last]
            if !is_vowel(first) && is_vowel(vowel) && !is_vowel(last) && !"wxy".contains(*last) =>
        {
            format!("{rest}e")
        }
        _ => rest.to_owned(),
    }
}

static STOP: LazyLock<HashSet<String>> =
    LazyLock::new(|| STOP_WORDS.split_whitespace().map(bare).collect());
static WEAK: LazyLock<HashSet<String>> =
    LazyLock::new(|| WEAK_WORDS.split_whitespace().map(bare).collect());

static NUMBERS: LazyLock<HashMap<&'static str, f64>> = LazyLock::new(|| {
    let named =
        NUMBER_WORDS.iter().flat_map(|(words, value)| words.split(' ').map(|it| (it, *value)));
    named.collect()
});

/// For each stem, the groups it is in and how firmly.
static GROUPS_OF: LazyLock<HashMap<String, Vec<(usize, f32)>>> = LazyLock::new(|| {
    let mut groups: HashMap<String, Vec<(usize, f32)>> = HashMap::new();
    for (number, words) in GROUPS.iter().enumerate() {
        for word in words.split_whitespace() {
            let (word, weight) = word.strip_prefix('~').map_or((word, 1.0), |it| (it, 0.5));
            groups.entry(bare(word)).or_default().push((number, weight));
        }
    }
    groups
});

type Phrases = HashMap<&'static str, Vec<(Vec<&'static str>, &'static str)>>;

static PHRASES_OF: LazyLock<Phrases> = LazyLock::new(|| {
    let mut phrases = Phrases::new();
    for (meaning, list) in PHRASES {
        for phrase in list.split(", ") {
            let words: Vec<_> = phrase.split(' ').collect();
            if let Some(first) = words.first() {
                phrases.entry(first).or_default().push((words.clone(), meaning));
            }
        }
    }
    phrases
});

/// Words that say nothing about what is wanted.
const STOP_WORDS: &str = "
a an the this that these those there here it its he she they them his her their some any all each both every
i i'm i'd me my mine we us our you your yours myself yourself one ones
is are am was were be been being do does did done never ever has have had having can could will would shall should may might must
and or but nor so if then than as of in on at to from for by with about into onto over under between out up off down
what which who whom whose when where why how
what's who's where's how's it's that's there's let's don't doesn't can't isn't
not no yes please kindly thanks thank you hello hi hey ok okay just quickly also too very really again still even only
need want like love know give let help wondering wonder think guess hope me going somewhere go get got
much many more most less another other same such like well sure maybe perhaps whether
something anything everything thing things following using via per after before
was ist sind der die das den dem des ein eine einen einem einer und oder aber wie wo wann wer warum im am zu von mit für
auf aus bei nach bitte mir mich ich du sie wir ihr es mal hat haben kann kannst könnte
le la les un une des de du et ou est sont quel quelle quels quelles que qui comment dans en à au aux pour par sur avec
s'il te vous plaît moi je tu il elle nous fait fait-il
";

/// Words that say a little: they go with many tasks.
const WEAK_WORDS: &str = "
now today tonight tomorrow yesterday current currently right moment week month year day next last
fetch check make use put take see look say tell change start run call my new first latest
show display text file page name number value information data result detail item
";

/// Words that mean the same to a tool. `~` marks one that may mean something else.
const GROUPS: &[&str] = &[
    "weather forecast temperature rain rainy raining snow snowing sunny sun umbrella warm warmer cold colder hot hotter humid humidity \
     wind windy cloudy climate jacket ~wear degrees wetter regnet regen météo meteo ~temps pleut clima tiempo",
    "calculate calculator compute calc arithmetic math maths evaluate expression equation formula percent percentage \
     sum ~work rechne rechnen ausrechnen berechne calcule calculer",
    "add plus sum total addition",
    "multiply product multiplication",
    "divide quotient division",
    "subtract minus difference subtraction",
    "average mean durchschnitt moyenne",
    "time clock hour now datetime uhrzeit heure uhr spät",
    "date day datetime calendar now datum",
    "timer countdown alarm stopwatch ~remind reminder",
    "zone timezone tz",
    "search find grep lookup query google look seek locate hunt mention ~contain appear occur research investigate suche such finde cherche \
     recherche occurrence ~browse",
    "investigate research explore study gather analyse analyze comprehensive",
    "web internet online wikipedia www google news wiki",
    "read open cat view print contents content display show load ~contain lies lire ~summarize ~summarise ~say",
    "summarize summarise summary tldr condense digest",
    "file document doc source ~code datei dateien fichier",
    "folder directory dir path ordner dossier",
    "list ls enumerate ~show ~display ~contents liste zeige tree",
    "article page webpage website url link site post blog",
    "write save store overwrite put",
    "delete remove erase rm destroy drop",
    "command shell terminal bash execute run cargo script",
    "code program script snippet source",
    "execute run ~eval",
    "translate translation übersetze übersetzen traduis traduire traduction ~language",
    "define definition meaning dictionary mean ~word bedeutet bedeutung",
    "convert conversion exchange ~change wechsle umrechnen convertis",
    "currency money exchange forex rate dollar euro pound yen franc cash",
    "email mail e-mail message ~send ~write",
    "send deliver forward post mail email",
    "message sms text chat dm slack notify",
    "balance money funds",
    "recipe cook bake dish meal",
    "stock share ticker quote trading trade ~price ~market",
    "price cost quote rate fare preis prix",
    "flight fly plane airline airfare flug vol",
    "hotel accommodation room stay lodging hostel",
    "book reserve booking reservation ~need",
    "cancel annul storno",
    "light lamp bulb brightness lighting licht lampe",
    "set switch turn adjust dim",
    "thermostat heating heat temperature warm warmer cold colder cool cooler",
    "music song play listen playlist track album",
    "shopping groceries grocery buy",
    "order purchase parcel package shipment delivery arrive ship deliver bestellung commande",
    "status state ~track tracking where's progress",
    "refund reimburse money-back return",
    "ticket issue case complaint",
    "create make new open",
    "help faq support ~article",
    "weather-wise weather",
    "image picture photo draw painting illustration",
    "map directions route navigate navigation drive",
    "restaurant dinner lunch food eat table",
    "customer client user account",
    "schedule calendar meeting appointment event termin rendez-vous",
    "note memo jot",
    "random roll dice die coin",
    "count number length many",
    "high urgent urgently important critical asap",
    "low minor trivial",
    "celsius metric centigrade",
    "fahrenheit imperial",
    "answer respond reply response final conclude",
];

/// Several words that stand for one.
const PHRASES: &[(&str, &str)] = &[
    (
        "search",
        "look up, look for, search for, looking for, find out, look it up, find all, find me, suche nach, find information",
    ),
    (
        "contents",
        "what is in, what's in, whats in, what is inside, what's inside, contents of, content of, what does it say, was steht in",
    ),
    (
        "list",
        "what files, which files are, welche dateien sind, welche dateien, quels fichiers, what is under, what's under",
    ),
    (
        "search",
        "which files mention, which files contain, what files mention, what files contain, which file contains, which files use",
    ),
    (
        "translate",
        "how do you say, how do i say, how would you say, how to say, what is the word for, wie sagt man, comment dit-on",
    ),
    ("calculate", "work out, figure out"),
    ("track", "where is my, where's my, where are my"),
    ("read", "have a look at, take a look at, look at"),
    ("date", "what day, which day, what weekday, which weekday, day of the week"),
    ("timer", "wake me up, wake me"),
    ("now", "is it today, is today, is it now, is it right now"),
    ("define", "definition of, meaning of, what is the meaning of, what's the meaning of"),
    (
        "weather",
        "how hot is, how cold is, how warm is, quel temps, temps fait-il, how hot is it, how cold is it, how warm is it",
    ),
    (
        "",
        "right now, a lot, as well, at least, at most, of course, time to go, time to leave, time for, what about, how about, would like",
    ),
];

const NUMBER_WORDS: &[(&str, f64)] = &[
    ("zero null zéro", 0.0),
    ("one eins", 1.0),
    ("two zwei deux", 2.0),
    ("three drei trois", 3.0),
    ("four vier quatre", 4.0),
    ("five fünf cinq", 5.0),
    ("six sechs", 6.0),
    ("seven sieben sept", 7.0),
    ("eight acht huit", 8.0),
    ("nine neun neuf", 9.0),
    ("ten zehn dix", 10.0),
    ("eleven elf onze", 11.0),
    ("twelve dozen zwölf douze", 12.0),
    ("thirteen", 13.0),
    ("fourteen", 14.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("seventeen", 17.0),
    ("eighteen", 18.0),
    ("nineteen", 19.0),
    ("twenty zwanzig vingt", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("fifty", 50.0),
    ("sixty", 60.0),
    ("seventy", 70.0),
    ("eighty", 80.0),
    ("ninety", 90.0),
    ("hundred hundert cent", 100.0),
    ("thousand tausend mille", 1000.0),
    ("million", 1_000_000.0),
];
