//! Runs kept in a SQLite file.
#[cfg(test)]
mod damage;
#[cfg(test)]
mod drivers;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod support;
#[cfg(test)]
mod versions;
