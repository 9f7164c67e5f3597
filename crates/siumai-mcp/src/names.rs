//! What the tools of servers are called: `server__tool`, in the letters that models may use.
use std::collections::HashSet;

/// What stands between the name of a server and that of its tool.
pub(crate) const BETWEEN: &str = "__";

/// The most characters a tool's name may have.
pub(crate) const LONGEST: usize = 64;

/// A name for each of `tools`, which are pairs of a server's name and a tool's own. No two are the
/// same, and a tool keeps its name whatever stands beside it, unless two would be alike.
pub(crate) fn assign(tools: &[(&str, &str)]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names: Vec<Option<String>> = vec![None; tools.len()];
    // Those that are themselves come first, so that no other takes their name.
    for is_other in [false, true] {
        for (name, (server, tool)) in names.iter_mut().zip(tools) {
            let plain = format!("{server}{BETWEEN}{tool}");
            let letters = plain.replace(|it: char| !is_allowed(it), "_");
            if (letters != plain) != is_other {
                continue;
            }
            let fits = letters.len() <= LONGEST && !taken.contains(&letters);
            let chosen = if fits { letters } else { shortened(&letters, server, tool) };
            taken.insert(chosen.clone());
            *name = Some(chosen);
        }
    }
    names.into_iter().flatten().collect()
}

/// Whether a tool's name may have this character.
pub(crate) fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

/// The beginning of the name, and a number that stands for all of it.
fn shortened(letters: &str, server: &str, tool: &str) -> String {
    let number = fingerprint(&[server.as_bytes(), &[0], tool.as_bytes()]);
    let kept = LONGEST - 9;
    format!("{}_{number:08x}", &letters[..letters.len().min(kept)])
}

/// FNV-1a, for it stays the same from one version of the compiler to the next: runs that are kept
/// know tools by their names.
fn fingerprint(parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    bytes.fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests;
