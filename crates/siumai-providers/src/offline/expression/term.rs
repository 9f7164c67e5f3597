//! A part of an expression, as it is written for a calculator.
use super::REFERENCE;

#[derive(Debug)]
pub(super) struct Term {
    pub(super) text: String,
    pub(super) operations: usize,
    /// `12%`, which means something of its own after `+`, `-` and before `of`.
    pub(super) is_percentage: bool,
}

impl Term {
    pub(super) fn plain(text: String) -> Self {
        Self { text, operations: 0, is_percentage: false }
    }

    pub(super) fn made(text: String) -> Self {
        Self { text, operations: 1, is_percentage: false }
    }

    /// As an operand of something that binds tighter.
    pub(super) fn grouped(&self) -> String {
        let is_atom =
            self.text.chars().all(|it| it.is_alphanumeric() || it == '.' || it == REFERENCE);
        if is_atom { self.text.clone() } else { format!("({})", self.text) }
    }

    pub(super) fn value(self) -> Self {
        if !self.is_percentage {
            return self;
        }
        Self {
            text: format!("({}/100)", self.text),
            operations: self.operations,
            is_percentage: false,
        }
    }
}

/// Terms with a sign between each two.
pub(super) fn joined(terms: &[Term], sign: &str) -> Term {
    let texts: Vec<_> = terms.iter().map(Term::grouped).collect();
    Term::made(texts.join(sign))
}

/// `80` less `20%`.
pub(super) fn changed(whole: &Term, sign: &str, by: &Term) -> Term {
    if by.is_percentage {
        return Term::made(format!("{} * (1 {sign} {}/100)", whole.grouped(), by.grouped()));
    }
    Term::made(format!("{} {sign} {}", whole.grouped(), by.grouped()))
}
