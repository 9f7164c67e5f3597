//! How a stretch of a task is put: as a wish, a question, a statement, an opinion asked for.
use std::ops::Range;

use super::{
    task::Task,
    text::{Kind, Text},
    words::{any_of, is_one_of},
};

/// The wording of a stretch.
pub(super) struct Wording<'t> {
    text: &'t Text<'t>,
    tokens: Range<usize>,
    has_sum: bool,
}

const POLITE: &str = "so hey hi hello please and then also";
const QUESTIONS: &str = "who what when where why which how who's what's";
/// What wishes and questions begin with.
const OPENERS: &str = "who what when where why which how is are can could will would does do tell give write make create \
     sing explain draw buy order call remind play draft compose generate describe count delete remove send print open \
     close start stop run turn book find search read list show compare check add calculate translate";
/// What a final answer is asked for with: no wish of its own.
const SUMMING_UP: &str = "answer summary summarize summarise report result comprehensive final short brief explain \
     conclusion everything detail compare comparison table overview finding";
const SUBJECTS: &str = "my our his her their i we they it this that the i'm it's i'll";
const WISHES: &str = "want need like wonder wondering looking must";

impl<'t> Wording<'t> {
    pub(super) fn of(task: &'t Task<'_>, tokens: Range<usize>) -> Self {
        let has_sum = task.expressions.iter().any(|it| tokens.contains(&it.tokens.start));
        Self { text: &task.text, tokens, has_sum }
    }

    /// `My ticket is lost` tells something; it asks for nothing.
    pub(super) fn is_statement(&self) -> bool {
        let start = self.start();
        let word = |offset: usize| self.text.word(start + offset);
        let is_question = self.text.is_mark(self.tokens.end, "?");
        let is_wish =
            is_one_of("i i'd we i'm", word(0)) && (1..4).any(|it| is_one_of(WISHES, word(it)));
        is_one_of(SUBJECTS, word(0)) && !is_wish && !is_question
    }

    /// `It's 3pm in Berlin`: what a question starts from.
    pub(super) fn is_setting(&self) -> bool {
        self.is_statement() && is_one_of("it's its it there's", self.text.word(self.start()))
    }

    /// `What is a time zone?` wants an explanation.
    pub(super) fn is_definition(&self) -> bool {
        let word = |offset: usize| self.text.word(self.tokens.start + offset);
        let noun = match (word(0), word(1)) {
            ("what's", _) => word(1),
            ("what", "is" | "are") => word(2),
            _ => "",
        };
        is_one_of("a an", noun) && !self.has_sum
    }

    /// `Should I …?`, `what do you think …?`: who asks for advice wants no tool.
    pub(super) fn asks_for_advice(&self) -> bool {
        let begins = |words: [&str; 2]| {
            words.iter().enumerate().all(|(at, it)| self.text.word(self.tokens.start + at) == *it)
        };
        let mut words = self.tokens.clone();
        begins(["should", "i"])
            || words.any(|at| {
                ["do", "you", "think"].iter().zip(at..).all(|(it, at)| self.text.word(at) == *it)
            })
    }

    /// A question about the world, for whoever can search it.
    pub(super) fn asks_about_the_world(&self) -> bool {
        let mut words = self.words().skip_while(|it| is_one_of(POLITE, it));
        let first = words.next().unwrap_or("");
        let rest: Vec<&str> = words.collect();
        let says = |list: &str| rest.iter().any(|it| is_one_of(list, it));
        let is_question = is_one_of(QUESTIONS, first) && !says("you your my i me we our");
        let is_topic =
            is_one_of("explain latest news", first) || (first == "tell" && says("about"));
        let has_reference = says("it that this there");
        (is_question || is_topic) && self.says_something() && !has_reference && rest.len() > 1
    }

    /// Whether it asks for something that is more than to sum up.
    pub(super) fn is_request(&self) -> bool {
        let first = self.words().find(|it| !is_one_of(POLITE, it)).unwrap_or("");
        let opens = is_one_of(OPENERS, first.strip_suffix("'s").unwrap_or(first));
        let is_new = |at: usize| {
            let token = &self.text.tokens[at];
            let is_telling = match token.kind {
                Kind::Mark => false,
                Kind::Word => token.stem.is_telling(),
                _ => true,
            };
            is_telling && !any_of(SUMMING_UP, std::slice::from_ref(&token.value))
        };
        opens && self.tokens.clone().any(is_new)
    }

    /// Whether it speaks of something that was said before.
    pub(super) fn refers(&self) -> bool {
        self.words().any(|it| is_one_of("it that this there them", it))
    }

    /// Past the word that makes a condition of it.
    fn start(&self) -> usize {
        self.tokens.start
            + usize::from(is_one_of("if when since suppose", self.text.word(self.tokens.start)))
    }

    fn says_something(&self) -> bool {
        self.tokens.clone().any(|it| self.text.tokens[it].stem.is_telling())
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.tokens.clone().map(|it| self.text.word(it)).filter(|it| !it.is_empty())
    }
}
