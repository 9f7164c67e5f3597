//! What is left of a stretch when everything is taken away that only says what to do.
use std::ops::Range;

use super::Reader;
use crate::offline::{
    text::Kind,
    words::{self, is_one_of},
};

/// How much is taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// All words of the tool's own: what is left is a name or a list.
    Names,
    /// The same, but what only its description says stays: it may be an example of a value.
    Examples,
    /// Only what leads to the value: `for` or `about` begins it, and it may say what the tool says.
    Text,
}

/// How far the words that lead to a value have come.
#[derive(Default)]
struct Lead {
    /// A word of the tool's own was said.
    has_verb: bool,
    /// A preposition after it was said: what follows is the value.
    is_at_value: bool,
}

const QUESTIONS: &str = "who what when where why how which whose wer was wann wo warum";
const ARTICLES: &str = "the a an some any all me us every each der die das whether is are";
/// Words that only say that a thing follows, as in `mentions of` or `information about`.
const FILLERS: &str = "mention occurrence use instance reference information info word phrase sentence text term line \
     string news following place spot file comment";
/// What may follow them.
const LINKS: &str = "of about on for regarding with containing that mentioning where";
const KEPT_LEADS: &str = "for about on of to up please out in into from whether if";
const TRAILING: &str = "please thanks thank in to into for of on the and at from with near around under within by bitte a an then ins auf appears \
     appear occurs occur exist exists used defined mentioned";
/// Where one searches, when it says no more than `here`.
const HERE: &str = "code codebase project repository repo workspace";

impl Reader<'_> {
    /// What is left over as one text.
    pub(super) fn rest_as_text(&mut self) -> Vec<String> {
        let Some(rest) = self.rest_of(Cut::Text) else { return Vec::new() };
        self.take(rest.clone());
        self.is_loose = true;
        vec![self.task.text.written(rest).to_owned()]
    }

    /// What is left over, cut at commas and `and`.
    pub(super) fn rest_as_list(&mut self) -> Vec<String> {
        const MOST_WORDS: usize = 8;
        let Some(rest) = self.rest() else { return Vec::new() };
        let is_joint = |at: usize| self.is_listing(at..at + 1) && self.task.text.word(at) != "the";
        let mut pieces: Vec<Range<usize>> = Vec::new();
        let mut start = rest.start;
        for at in rest.clone() {
            if is_joint(at) {
                pieces.push(start..at);
                start = at + 1;
            }
        }
        pieces.push(start..rest.end);
        let pieces = pieces.into_iter().map(|it| self.without_articles(it));
        let pieces: Vec<_> = pieces.filter(|it| !it.is_empty()).collect();
        if pieces.iter().any(|it| it.len() > MOST_WORDS) {
            return Vec::new();
        }
        self.take(rest);
        self.is_loose = true;
        pieces.into_iter().map(|it| self.task.text.written(it).to_owned()).collect()
    }

    /// What is left over as a name.
    pub(super) fn rest(&self) -> Option<Range<usize>> {
        self.rest_of(Cut::Names).or_else(|| self.rest_of(Cut::Examples))
    }

    fn without_articles(&self, range: Range<usize>) -> Range<usize> {
        let is_article = |at: &usize| {
            is_one_of("the a an some my our any der die das in we i need", self.task.text.word(*at))
        };
        let start = range.clone().find(|it| !is_article(it)).unwrap_or(range.end);
        start..range.end
    }

    /// The longest stretch of what is left, the first of two alike.
    fn rest_of(&self, cut: Cut) -> Option<Range<usize>> {
        let mut stretches = Vec::new();
        let mut start = None;
        for at in self.range.start..=self.range.end {
            match (self.is_free(at), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    stretches.push(from..at);
                    start = None;
                }
                _ => {}
            }
        }
        let pieces = stretches.into_iter().flat_map(|it| self.pieces(it, cut));
        let telling = pieces.filter(|it| self.says_something(it.clone()));
        let is_literal = |it: &Range<usize>| it.clone().any(|at| self.is_value(at));
        telling.max_by_key(|it| {
            (
                cut != Cut::Text && is_literal(it),
                self.task.text.written(it.clone()).len(),
                std::cmp::Reverse(it.start),
            )
        })
    }

    /// A stretch without its ends, and for names cut at the tool's own words: `[closed] issues in [a/b]`.
    fn pieces(&self, stretch: Range<usize>, cut: Cut) -> Vec<Range<usize>> {
        let whole = self.trimmed(stretch, cut);
        let own = whole.clone().find(|it| cut != Cut::Text && self.is_own(*it, cut));
        match own {
            Some(at) => {
                let mut pieces = vec![self.trimmed(whole.start..at, cut)];
                pieces.extend(self.pieces(at + 1..whole.end, cut));
                pieces
            }
            None => vec![whole],
        }
    }

    /// Whether a token is a value by its form.
    fn is_value(&self, at: usize) -> bool {
        !matches!(self.task.text.tokens[at].kind, Kind::Word | Kind::Mark | Kind::Break)
    }

    fn says_something(&self, mut range: Range<usize>) -> bool {
        const NOTHING: &str =
            "it that this them result results there do does did can could will would is are";
        let says_nothing = |at: usize| {
            let word = self.task.text.word(at);
            is_one_of(NOTHING, word) || is_one_of(QUESTIONS, word)
        };
        range.any(|it| !self.is_punctuation(it) && !says_nothing(it))
    }

    fn is_punctuation(&self, at: usize) -> bool {
        matches!(self.task.text.tokens[at].kind, Kind::Mark | Kind::Break)
    }

    fn is_own(&self, at: usize, cut: Cut) -> bool {
        let stem = &self.task.text.tokens[at].stem;
        let likeness = match cut {
            Cut::Examples => stem.nearest(&self.candidate.name),
            Cut::Names | Cut::Text => self.candidate.likeness(stem),
        };
        !stem.is_empty() && likeness >= 0.5
    }

    fn trimmed(&self, range: Range<usize>, cut: Cut) -> Range<usize> {
        let Range { mut start, mut end } = range;
        let mut lead = Lead::default();
        while start < end {
            match self.leading(start..end, &mut lead, cut) {
                0 => break,
                length => start += length,
            }
        }
        while end > start && self.is_trailing(end - 1, cut) {
            end -= 1;
        }
        start..end
    }

    /// How many tokens at the start of a stretch only lead to the value.
    fn leading(&self, stretch: Range<usize>, lead: &mut Lead, cut: Cut) -> usize {
        let text = &self.task.text;
        let at = stretch.start;
        let token = &text.tokens[at];
        if self.is_punctuation(at) {
            return usize::from(!text.is_mark(at, "$€£#@("));
        }
        if token.kind != Kind::Word {
            return 0;
        }
        let word = token.value.as_str();
        if is_one_of(ARTICLES, word) || (cut != Cut::Text && word == "my") {
            return 1;
        }
        if lead.has_verb && self.is_filler(at) {
            return 1 + usize::from(is_one_of(LINKS, text.word(at + 1)));
        }
        if lead.is_at_value && cut == Cut::Text {
            return 0;
        }
        // `search it for …`: what is searched is told elsewhere.
        if lead.has_verb
            && is_one_of("it them there this that", word)
            && is_one_of(LINKS, text.word(at + 1))
        {
            return 1;
        }
        if lead.has_verb && is_one_of(LINKS, word) {
            lead.is_at_value = true;
            return 1;
        }
        if self.is_own(at, cut) {
            lead.has_verb = true;
            return 1;
        }
        if is_one_of(QUESTIONS, word) {
            // A question is part of a query, unless the tool's own words only come after it.
            let mut following = stretch.skip(1).map(|it| &text.tokens[it].stem);
            let own_follows =
                following.any(|it| !it.is_empty() && self.candidate.likeness(it) >= 0.9);
            return usize::from(cut != Cut::Text || (!lead.has_verb && own_follows));
        }
        // The words of a phrase have no stem behind the first one.
        if token.stem.is_empty() {
            return 1;
        }
        let is_kept = lead.has_verb && cut == Cut::Text && !is_one_of(KEPT_LEADS, word);
        let is_small = token.stem.weight() < if cut == Cut::Text { 0.1 } else { 1.0 };
        usize::from(is_small && !is_kept)
    }

    /// Whether a word only says that a thing follows, and one does.
    fn is_filler(&self, at: usize) -> bool {
        let text = &self.task.text;
        let token = &text.tokens[at];
        let is_value =
            text.tokens.get(at + 1).is_some_and(|it| !matches!(it.kind, Kind::Mark | Kind::Break));
        let names_text = is_one_of("word phrase sentence text term string", &token.value);
        words::any_of(FILLERS, std::slice::from_ref(&token.value))
            && is_value
            && (names_text || is_one_of(LINKS, text.word(at + 1)))
    }

    fn is_trailing(&self, at: usize, cut: Cut) -> bool {
        let text = &self.task.text;
        let token = &text.tokens[at];
        if token.kind != Kind::Word {
            return self.is_punctuation(at) && !text.is_mark(at, ")%+#*");
        }
        let word = token.value.as_str();
        let is_here =
            is_one_of(HERE, word) && is_one_of("the this my our in", text.word(at.wrapping_sub(1)));
        let is_place_of_search = token.stem.is_in("web") && self.is_own(at, cut);
        let is_small = cut != Cut::Text && (self.is_own(at, cut) || !token.stem.is_telling());
        is_one_of(TRAILING, word) || is_here || is_place_of_search || is_small
    }
}
