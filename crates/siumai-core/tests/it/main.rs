//! The rules of a run, one module a chapter, each rule tried on every surface.
#[cfg(test)]
#[expect(dead_code, reason = "the chapters here need a part of it")]
mod fixtures;

#[cfg(test)]
mod cancel_rules;
#[cfg(test)]
mod layer_fallback;
#[cfg(test)]
mod layer_rate_limit;
#[cfg(test)]
mod layer_retry;
#[cfg(test)]
mod layer_stand_ins;
#[cfg(test)]
mod retry_rules;
#[cfg(test)]
mod timeout_rules;
