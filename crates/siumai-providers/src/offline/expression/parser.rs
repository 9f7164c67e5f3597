//! Reads arithmetic from tokens: signs, functions, and words such as `times` and `half of`.
use super::{
    REFERENCE, number_words,
    term::{Term, changed, joined},
};
use crate::offline::{
    facts,
    text::{Kind, Text},
};

/// What nests deeper is no sum that anybody wrote.
const MAX_DEPTH: usize = 24;

pub(super) struct Parser<'t> {
    pub(super) text: &'t Text<'t>,
    pub(super) at: usize,
    depth: usize,
    /// Whether a word took part, as in `3 times 4`.
    pub(super) words: bool,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t Text<'t>, at: usize) -> Self {
        Self { text, at, depth: 0, words: false }
    }
}

impl Parser<'_> {
    /// `add 3 and 4`, `divide it by 7`, `the average of 3, 4 and 5`.
    pub(super) fn command(&mut self) -> Option<Term> {
        let verb = self.text.word(self.at).to_owned();
        self.at += 1;
        self.words = true;
        match verb.as_str() {
            "add" | "addiere" => {
                let first = self.operand()?;
                if self.skip_word(&["to", "zu"]) {
                    let second = self.operand()?;
                    return Some(Term::made(format!("{} + {}", second.grouped(), first.grouped())));
                }
                self.operands(first).map(|it| joined(&it, " + "))
            }
            "sum" | "total" | "summe" | "somme" => {
                self.skip_word(&["of", "von", "de"]);
                let first = self.operand()?;
                self.operands(first).map(|it| joined(&it, " + "))
            }
            "multiply" | "product" | "multipliziere" => {
                self.pair(&["by", "with", "and", "mit", "times"], " * ")
            }
            "divide" | "quotient" | "dividiere" | "split" => {
                self.pair(&["by", "and", "durch"], " / ")
            }
            "difference" => self.pair(&["and"], " - "),
            "subtract" | "deduct" => {
                let less = self.operand()?;
                self.skip_word(&["from", "von"]).then_some(())?;
                let from = self.operand()?;
                Some(Term::made(format!("{} - {}", from.grouped(), less.grouped())))
            }
            "average" | "mean" | "durchschnitt" => {
                self.skip_word(&["of", "von"]);
                let first = self.operand()?;
                let all = self.operands(first)?;
                Some(Term::made(format!("({}) / {}", joined(&all, " + ").text, all.len())))
            }
            "increase" | "raise" => self.changed_by("+"),
            "decrease" | "reduce" | "lower" => self.changed_by("-"),
            "double" | "twice" => {
                self.operand().map(|it| Term::made(format!("{} * 2", it.grouped())))
            }
            "triple" => self.operand().map(|it| Term::made(format!("{} * 3", it.grouped()))),
            "halve" => self.operand().map(|it| Term::made(format!("{} / 2", it.grouped()))),
            "factorial" => {
                self.skip_word(&["of"]);
                self.operand().map(|it| Term::made(format!("{}!", it.grouped())))
            }
            "square" => self.operand().map(|it| Term::made(format!("{}^2", it.grouped()))),
            "cube" => self.operand().map(|it| Term::made(format!("{}^3", it.grouped()))),
            // `then times 3`: what came before is the other operand.
            "then" | "dann" => {
                let (sign, _) = self.operator()?;
                let right = self.operand()?;
                Some(Term::made(format!("{REFERENCE} {sign} {}", right.grouped())))
            }
            _ => None,
        }
    }

    fn pair(&mut self, between: &[&str], sign: &str) -> Option<Term> {
        self.skip_word(&["of", "between"]);
        let first = self.operand()?;
        self.skip_word(between).then_some(())?;
        let second = self.operand()?;
        Some(Term::made(format!("{}{sign}{}", first.grouped(), second.grouped())))
    }

    fn changed_by(&mut self, sign: &str) -> Option<Term> {
        let first = self.operand()?;
        self.skip_word(&["by"]).then_some(())?;
        let by = self.factor()?;
        Some(changed(&first, sign, &by))
    }

    /// What is listed after the first operand: at least one more.
    fn operands(&mut self, first: Term) -> Option<Vec<Term>> {
        let mut all = vec![first];
        loop {
            let before = self.at;
            let mut is_listed = self.skip_mark(",");
            is_listed |= self.skip_word(&["and", "und", "et", "plus"]);
            let next = if is_listed { self.operand() } else { None };
            let Some(next) = next else {
                self.at = before;
                break;
            };
            all.push(next);
        }
        (all.len() > 1).then_some(all)
    }

    fn operand(&mut self) -> Option<Term> {
        self.factor().map(Term::value)
    }

    /// Terms with operators between them. Precedence is the calculator's business.
    pub(super) fn sum(&mut self) -> Option<Term> {
        let mut left = self.factor()?;
        loop {
            let before = self.at;
            let operation = self.operator().and_then(|it| self.factor().map(|right| (it, right)));
            let Some(((sign, tight), right)) = operation else {
                self.at = before;
                return Some(left.value());
            };
            if right.is_percentage && (sign == "+" || sign == "-") {
                left = changed(&left.value(), sign, &right);
                continue;
            }
            let operations = left.operations + right.operations + 1;
            let (first, second) = (left.value().text, right.value().text);
            let text = if tight {
                format!("{first}{sign}{second}")
            } else {
                format!("{first} {sign} {second}")
            };
            left = Term { text, operations, is_percentage: false };
        }
    }

    /// The sign, and whether it stands without spaces.
    fn operator(&mut self) -> Option<(&'static str, bool)> {
        let token = self.text.tokens.get(self.at)?;
        let next_spaced = self.text.tokens.get(self.at + 1).is_none_or(|it| it.spaced);
        let tight = !token.spaced && !next_spaced;
        if token.kind == Kind::Mark {
            let sign = match token.value.as_str() {
                "+" => "+",
                "-" | "−" => "-",
                "*" | "×" | "·" | "∙" => "*",
                "/" | "÷" => "/",
                "^" => "^",
                "%" => "%",
                _ => return None,
            };
            self.at += 1;
            let is_power = sign == "*" && self.text.is_mark(self.at, "*");
            self.at += usize::from(is_power);
            return Some((if is_power { "^" } else { sign }, tight));
        }
        let at = self.at;
        let word = |offset: usize| self.text.word(at + offset);
        let (length, sign) = match (word(0), word(1), word(2), word(3)) {
            ("to", "the", "power", "of") => (4, "^"),
            ("multiplied" | "multipliziert", "by" | "with" | "mit", ..) => (2, "*"),
            ("divided" | "geteilt" | "divisé", "by" | "durch" | "par", ..) => (2, "/"),
            ("plus", ..) => (1, "+"),
            ("minus" | "moins" | "less", ..) => (1, "-"),
            ("times" | "x" | "mal" | "fois", ..) => (1, "*"),
            ("over" | "durch", ..) => (1, "/"),
            ("hoch", ..) => (1, "^"),
            ("mod" | "modulo", ..) => (1, "%"),
            _ => return None,
        };
        self.at += length;
        self.words = true;
        Some((sign, false))
    }

    fn factor(&mut self) -> Option<Term> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let atom = self.atom();
        self.depth -= 1;
        let mut term = atom?;
        if ["squared", "cubed"].contains(&self.text.word(self.at)) {
            let power = if self.skip_word(&["squared"]) { 2 } else { 3 };
            self.skip_word(&["cubed"]);
            self.words = true;
            term = Term::made(format!("{}^{power}", term.grouped()));
        }
        if self.skip_word(&["factorial"]) {
            self.words = true;
            term = Term::made(format!("{}!", term.grouped()));
        }
        self.skip_currency();
        if !self.skip_percent() {
            return Some(term);
        }
        term.is_percentage = true;
        let before = self.at;
        let is_off = self.text.word(self.at) == "off" || self.text.word(self.at) == "discount";
        self.skip_word(&["tip", "tax", "discount", "vat"]);
        if !self.skip_word(&["of", "off", "on", "von", "de"]) {
            self.at = before;
            return Some(term);
        }
        self.skip_word(&["the", "a"]);
        self.depth += 1;
        let whole = self.factor();
        self.depth -= 1;
        let Some(whole) = whole.map(Term::value) else {
            self.at = before;
            return Some(term);
        };
        self.words = true;
        if is_off {
            return Some(changed(&whole, "-", &term));
        }
        Some(Term::made(format!("{}/100 * {}", term.grouped(), whole.grouped())))
    }

    fn atom(&mut self) -> Option<Term> {
        if self.skip_mark("(") {
            let inside = self.sum()?;
            return self
                .skip_mark(")")
                .then(|| Term { text: format!("({})", inside.text), ..inside });
        }
        if self.text.is_mark(self.at, "-−")
            && self.text.tokens.get(self.at + 1).is_some_and(|it| !it.spaced)
        {
            self.at += 1;
            let inside = self.factor()?;
            return Some(Term { text: format!("-{}", inside.text), ..inside });
        }
        if self.text.is_mark(self.at, "$€£¥") {
            self.at += 1;
        }
        self.number()
            .or_else(|| self.function())
            .or_else(|| self.root())
            .or_else(|| self.fraction())
            .or_else(|| self.reference())
    }

    fn number(&mut self) -> Option<Term> {
        let token = self.text.tokens.get(self.at)?;
        if let Kind::Number(_) = token.kind {
            self.at += 1;
            return Some(Term::plain(token.value.clone()));
        }
        if ["pi", "π"].contains(&self.text.word(self.at)) {
            self.at += 1;
            return Some(Term::plain("pi".to_owned()));
        }
        let (length, value) = number_words(self.text, self.at)?;
        self.at += length;
        Some(Term::plain(value.to_string()))
    }

    /// `sqrt(2)`, `max(3, 4)`.
    fn function(&mut self) -> Option<Term> {
        const FUNCTIONS: &str = "sqrt cbrt sin cos tan asin acos atan sinh cosh tanh ln log log2 log10 exp abs round \
             floor ceil min max";
        let token = self.text.tokens.get(self.at)?;
        let name = token.value.clone();
        let is_name = matches!(token.kind, Kind::Word | Kind::Identifier)
            && FUNCTIONS.split_whitespace().any(|it| it == name);
        if !is_name || !self.text.is_mark(self.at + 1, "(") {
            return None;
        }
        self.at += 2;
        let mut arguments = vec![self.sum()?.text];
        while self.skip_mark(",") {
            arguments.push(self.sum()?.text);
        }
        self.skip_mark(")").then(|| Term::made(format!("{name}({})", arguments.join(", "))))
    }

    /// `the square root of 144`.
    fn root(&mut self) -> Option<Term> {
        let before = self.at;
        self.skip_word(&["the"]);
        let is_cube = self.text.word(self.at) == "cube";
        self.skip_word(&["square", "cube"]);
        let found = self.skip_word(&["root", "sqrt", "wurzel"]) && {
            self.skip_word(&["of", "aus", "von"]);
            true
        };
        let inside = if found { self.factor() } else { None };
        let Some(inside) = inside else {
            self.at = before;
            return None;
        };
        self.words = true;
        let inside = inside.value();
        let bare = inside
            .text
            .strip_prefix('(')
            .and_then(|it| it.strip_suffix(')'))
            .unwrap_or(&inside.text);
        let text =
            if is_cube { format!("{}^(1/3)", inside.grouped()) } else { format!("sqrt({bare})") };
        Some(Term::made(text))
    }

    /// `half of 30`, `a third of it`.
    fn fraction(&mut self) -> Option<Term> {
        let before = self.at;
        self.skip_word(&["a", "the", "one"]);
        let parts = match self.text.word(self.at) {
            "half" | "hälfte" => 2,
            "third" | "drittel" => 3,
            "quarter" | "fourth" | "viertel" => 4,
            "fifth" => 5,
            "tenth" => 10,
            _ => 0,
        };
        self.at += 1;
        let whole = if parts > 0 && self.skip_word(&["of", "von"]) { self.factor() } else { None };
        let Some(whole) = whole else {
            self.at = before;
            return None;
        };
        self.words = true;
        Some(Term::made(format!("{} / {parts}", whole.value().grouped())))
    }

    fn reference(&mut self) -> Option<Term> {
        let before = self.at;
        self.skip_word(&["the", "this", "that", "das"]);
        let named = [
            "result",
            "answer",
            "sum",
            "product",
            "total",
            "number",
            "ergebnis",
            "difference",
            "quotient",
        ];
        if self.skip_word(&named) {
            return Some(Term::plain(REFERENCE.to_string()));
        }
        self.at = before;
        let refers = self.skip_word(&["it", "that", "this", "es"]);
        refers.then(|| Term::plain(REFERENCE.to_string()))
    }

    /// `%`, unless a number follows: then it is what is left after dividing.
    fn skip_percent(&mut self) -> bool {
        if self.skip_word(&["percent", "prozent"]) {
            self.words = true;
            return true;
        }
        let next = self.text.tokens.get(self.at + 1);
        let divides = next.is_some_and(|it| matches!(it.kind, Kind::Number(_)) || it.value == "(");
        if divides || !self.text.is_mark(self.at, "%") {
            return false;
        }
        self.at += 1;
        true
    }

    /// `5 euros + 3 euros`: what is counted says nothing to a calculator.
    fn skip_currency(&mut self) {
        let Some(token) = self.text.tokens.get(self.at) else { return };
        let is_currency = facts::currency_of(&token.value).is_some();
        let before = self.at;
        self.at += 1;
        let goes_on = is_currency && self.operator().is_some();
        self.at = before + usize::from(goes_on);
    }

    fn skip_word(&mut self, words: &[&str]) -> bool {
        let found = words.contains(&self.text.word(self.at));
        self.at += usize::from(found);
        found
    }

    fn skip_mark(&mut self, marks: &str) -> bool {
        let found = self.text.is_mark(self.at, marks);
        self.at += usize::from(found);
        found
    }
}
