//! The rules of a run, one module a chapter, each rule tried on every surface.
#[cfg(test)]
mod agent_approval;
#[cfg(test)]
mod agent_crashes;
#[cfg(test)]
mod agent_rules;
#[cfg(test)]
mod answer_rules;
#[cfg(test)]
mod approval_rules;
#[cfg(test)]
mod cancel_rules;
#[cfg(test)]
mod choice_rules;
#[cfg(test)]
mod condition_rules;
#[cfg(test)]
mod cost_rules;
#[cfg(test)]
mod crash_sweep;
#[cfg(test)]
mod ending_rules;
#[cfg(test)]
mod execution_rules;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod history_rules;
#[cfg(test)]
mod journal_conformance;
#[cfg(test)]
mod journal_rules;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod laws_recording;
#[cfg(test)]
mod layer_fallback;
#[cfg(test)]
mod layer_rate_limit;
#[cfg(test)]
mod layer_recorder;
#[cfg(test)]
mod layer_replay;
#[cfg(test)]
mod layer_retry;
#[cfg(test)]
mod layer_stand_ins;
#[cfg(test)]
mod limit_rules;
#[cfg(test)]
mod loop_guard_rules;
#[cfg(test)]
mod loop_rules;
#[cfg(test)]
mod model_rules;
#[cfg(test)]
mod output_rules;
#[cfg(test)]
mod progress_rules;
#[cfg(test)]
mod repair_rules;
#[cfg(test)]
mod resumed_limits;
#[cfg(test)]
mod retry_rules;
#[cfg(test)]
mod saved_rules;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod sharing_rules;
#[cfg(test)]
mod step_rules;
#[cfg(test)]
mod streaming_rules;
#[cfg(test)]
mod suspension_rules;
#[cfg(test)]
mod team_rules;
#[cfg(test)]
mod timeout_rules;
#[cfg(test)]
mod tool_rules;
#[cfg(test)]
mod trim_rules;
#[cfg(test)]
mod usage_rules;
