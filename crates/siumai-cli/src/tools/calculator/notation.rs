//! Turns what people write into what the library reads.
//!
//! Percentages mean what they do on a pocket calculator, commas part thousands
//! or arguments and never vanish, and functions of several arguments are
//! written out, since the library has none.
use std::{iter::Peekable, str::Chars};

/// Says whether the first of two expressions is less than the second.
pub(super) type IsLess<'a> = &'a dyn Fn(&str, &str) -> Result<bool, String>;

const STRAY_COMMA: &str = "a comma can only part thousands, as in 1,000, or the arguments of a \
     function; write decimals with a point";

/// `expression` as the library reads it, or what is wrong with it.
pub(super) fn read(expression: &str, is_less: IsLess<'_>) -> Result<String, String> {
    let text = expression.trim().trim_end_matches(['=', '?', ' ']);
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut reader = Reader { tokens: tokens(text)?.into_iter().peekable(), is_less };
    let mut parts = reader.list()?;
    match (reader.tokens.next(), parts.len()) {
        (Some(_), _) => Err("a `)` has no `(`".to_owned()),
        (None, 1) => Ok(parts.swap_remove(0)),
        (None, _) => Err(STRAY_COMMA.to_owned()),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(String),
    Name(String),
    Operator(&'static str),
    Percent,
    Open,
    Close,
    Comma,
}

/// The functions of several arguments: inside their parentheses a comma parts arguments, not thousands.
const FUNCTIONS: [&str; 9] = ["min", "max", "sum", "average", "avg", "mean", "round", "pow", "mod"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    // For each open parenthesis, whether it is one of a function of several arguments.
    let mut open = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(&next) = rest.peek() {
        if next.is_ascii_digit() || next == '.' {
            let takes_commas = !open.last().copied().unwrap_or(false);
            tokens.push(Token::Number(number(&mut rest, takes_commas)));
            continue;
        }
        if next.is_alphabetic() || next == '°' {
            let name = take_while(&mut rest, |it| it.is_alphanumeric() || matches!(it, '_' | '°'));
            tokens.push(name_token(name, &tokens));
            continue;
        }
        rest.next();
        let token = match next {
            '*' if rest.next_if_eq(&'*').is_some() => Token::Operator("^"),
            '(' | '[' => {
                let is_listed = |it: &Token| matches!(it, Token::Name(name) if is_function(name));
                open.push(tokens.last().is_some_and(is_listed));
                Token::Open
            }
            ')' | ']' => {
                open.pop();
                Token::Close
            }
            ',' => Token::Comma,
            '%' => Token::Percent,
            '√' => Token::Name("sqrt".to_owned()),
            ' ' | '\t' | '\n' | '\r' | '\u{a0}' | '\u{202f}' | '$' | '€' | '£' | '¥' => {
                continue;
            }
            other => Token::Operator(operator(other)?),
        };
        tokens.push(token);
    }
    Ok(tokens)
}

fn operator(written: char) -> Result<&'static str, String> {
    match written {
        '+' => Ok("+"),
        '-' | '−' | '–' => Ok("-"),
        '*' | '×' | '·' | '⋅' => Ok("*"),
        '/' | '÷' => Ok("/"),
        '^' => Ok("^"),
        '!' => Ok("!"),
        '²' => Ok("^2"),
        '³' => Ok("^3"),
        '=' | '<' | '>' => Err(format!("`{written}` compares, and there is nothing to calculate")),
        other => Err(format!("`{other}` is no part of a calculation")),
    }
}

/// A number without the commas between its thousands, and with a digit on either side of its point.
fn number(rest: &mut Peekable<Chars<'_>>, takes_commas: bool) -> String {
    let mut number = take_while(rest, |it| it.is_ascii_digit());
    if number == "0" && matches!(rest.peek(), Some('x' | 'b' | 'o')) {
        number.push_str(&take_while(rest, |it| it.is_ascii_alphanumeric()));
        return number;
    }
    if takes_commas && (1..=3).contains(&number.len()) {
        while let Some(group) = thousands(rest) {
            number.push_str(&group);
        }
    }
    if rest.next_if_eq(&'.').is_some() {
        let fraction = take_while(rest, |it| it.is_ascii_digit());
        number = match (&*number, &*fraction) {
            ("", "") => ".".to_owned(),
            ("", fraction) => format!("0.{fraction}"),
            (whole, "") => whole.to_owned(),
            (whole, fraction) => format!("{whole}.{fraction}"),
        };
    }
    let mut ahead = rest.clone();
    if ahead.next_if(|it| matches!(it, 'e' | 'E')).is_some() {
        let sign = ahead.next_if(|it| matches!(it, '+' | '-'));
        let exponent = take_while(&mut ahead, |it| it.is_ascii_digit());
        if !exponent.is_empty() {
            *rest = ahead;
            number.push('e');
            number.extend(sign.filter(|it| *it == '-'));
            number.push_str(&exponent);
        }
    }
    number
}

/// The three digits after a comma, if that is what comes.
fn thousands(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut ahead = rest.clone();
    ahead.next_if_eq(&',')?;
    let group = take_while(&mut ahead, |it| it.is_ascii_digit());
    (group.len() == 3).then(|| {
        *rest = ahead;
        group
    })
}

/// `x` between two things is how people write times; `of` stands for it in `12% of 250`.
fn name_token(name: String, before: &[Token]) -> Token {
    let follows_value =
        matches!(before.last(), Some(Token::Number(_) | Token::Close | Token::Percent));
    match name.as_str() {
        "x" | "X" | "of" if follows_value => Token::Operator("*"),
        _ => Token::Name(name),
    }
}

fn take_while(rest: &mut Peekable<Chars<'_>>, mut wanted: impl FnMut(char) -> bool) -> String {
    std::iter::from_fn(|| rest.next_if(|it| wanted(*it))).collect()
}

fn is_function(name: &str) -> bool {
    FUNCTIONS.contains(&name.to_ascii_lowercase().as_str())
}

struct Reader<'a> {
    tokens: Peekable<std::vec::IntoIter<Token>>,
    is_less: IsLess<'a>,
}

/// A piece of an expression in the library's words.
enum Piece {
    Value(String),
    Operator(&'static str),
}

impl Reader<'_> {
    /// Expressions parted by commas, up to a `)` or the end.
    fn list(&mut self) -> Result<Vec<String>, String> {
        let mut list = vec![self.expression()?];
        while self.tokens.next_if_eq(&Token::Comma).is_some() {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    fn expression(&mut self) -> Result<String, String> {
        let mut pieces = Vec::new();
        while let Some(token) = self.tokens.next_if(|it| !matches!(it, Token::Comma | Token::Close))
        {
            match token {
                Token::Number(number) => pieces.push(Piece::Value(number)),
                Token::Operator(operator) => pieces.push(Piece::Operator(operator)),
                Token::Percent => self.percent(&mut pieces)?,
                Token::Open => {
                    let inner = self.arguments("(")?;
                    let [inner] = &*inner else {
                        return Err(STRAY_COMMA.to_owned());
                    };
                    pieces.push(Piece::Value(format!("({inner})")));
                }
                Token::Name(name) => {
                    let value = self.name(name)?;
                    pieces.push(Piece::Value(value));
                }
                Token::Comma | Token::Close => {}
            }
        }
        if pieces.is_empty() {
            return Err("something is missing: a number is expected".to_owned());
        }
        Ok(join(&pieces))
    }

    fn name(&mut self, name: String) -> Result<String, String> {
        if self.tokens.next_if_eq(&Token::Open).is_none() {
            return Ok(name);
        }
        let arguments = self.arguments(&name)?;
        if is_function(&name) {
            return self.function(&name.to_ascii_lowercase(), &arguments);
        }
        match &*arguments {
            [argument] => Ok(format!("{name}({argument})")),
            _ => Err(format!("`{name}` takes one argument")),
        }
    }

    /// What stands in parentheses, the closing one included.
    fn arguments(&mut self, of: &str) -> Result<Vec<String>, String> {
        let list = self.list()?;
        match self.tokens.next() {
            Some(Token::Close) => Ok(list),
            _ => Err(format!("a `)` is missing after `{of}`")),
        }
    }

    /// A function of several arguments, written out.
    fn function(&self, name: &str, arguments: &[String]) -> Result<String, String> {
        let sum = || arguments.iter().map(|it| format!("({it})")).collect::<Vec<_>>().join(" + ");
        match (name, arguments) {
            ("min", [first, rest @ ..]) => extreme(first, rest, self.is_less),
            ("max", [first, rest @ ..]) => extreme(first, rest, &|a, b| (self.is_less)(b, a)),
            ("sum", _) => Ok(format!("({})", sum())),
            ("average" | "avg" | "mean", _) => Ok(format!("(({}) / {})", sum(), arguments.len())),
            ("round", [value]) => Ok(format!("round({value})")),
            ("round", [value, places]) => {
                Ok(format!("(round(({value}) * 10^({places})) / 10^({places}))"))
            }
            ("pow", [base, exponent]) => Ok(format!("(({base})^({exponent}))")),
            ("mod", [value, modulus]) => Ok(format!("(({value}) mod ({modulus}))")),
            _ => Err(format!("`{name}` does not take {} arguments", arguments.len())),
        }
    }

    /// `%` behind a value: a percentage, unless another value follows; then it is the remainder.
    fn percent(&mut self, pieces: &mut Vec<Piece>) -> Result<(), String> {
        if matches!(self.tokens.peek(), Some(Token::Number(_) | Token::Open | Token::Name(_))) {
            pieces.push(Piece::Operator("mod"));
            return Ok(());
        }
        let Some(Piece::Value(value)) = pieces.pop() else {
            return Err("`%` needs a number before it".to_owned());
        };
        let part = format!("({value}) / 100");
        let ends_term = matches!(
            self.tokens.peek(),
            None | Some(Token::Comma | Token::Close | Token::Operator("+" | "-"))
        );
        match pieces.last() {
            // 250 + 10% is a tenth more than 250.
            Some(Piece::Operator(sign @ ("+" | "-"))) if ends_term && pieces.len() > 1 => {
                let sign = *sign;
                pieces.pop();
                let whole = join(pieces);
                *pieces = vec![Piece::Value(format!("(({whole}) * (1 {sign} {part}))"))];
            }
            _ => pieces.push(Piece::Value(format!("({part})"))),
        }
        Ok(())
    }
}

/// The one of several that goes before all others, as the expression it is.
fn extreme(first: &str, rest: &[String], goes_before: IsLess<'_>) -> Result<String, String> {
    let mut found = first;
    for other in rest {
        if goes_before(other, found)? {
            found = other;
        }
    }
    Ok(format!("({found})"))
}

fn join(pieces: &[Piece]) -> String {
    let words = pieces.iter().map(|piece| match piece {
        Piece::Value(value) => value.as_str(),
        Piece::Operator(operator) => operator,
    });
    words.collect::<Vec<_>>().join(" ")
}
