//! Laws of recordings: a made-up run that was recorded is the same run when it is replayed.
use std::{cell::RefCell, sync::Arc, time::Duration};

use proptest::{prelude::any, proptest};
use siumai_core::{
    model::layers::{Recorder, Replay},
    orchestrator::{RunOutput, StreamEvent},
};

use crate::{
    fixtures::{Failed, Played, play},
    laws::{Plan, config, in_paused_time, plans},
    layer_recorder::Shared,
};

/// The run as it was recorded, and a file for each surface, in the order in which they are played.
async fn record(plan: &Plan) -> (Played, Vec<Shared>) {
    let files = RefCell::new(Vec::new());
    let played = play(|notes| {
        let file = Shared::default();
        files.borrow_mut().push(file.clone());
        plan.scene(notes).wrap(|model| Recorder::new(model, file))
    })
    .await;
    (played, files.into_inner())
}

/// All that came of both is the same, but for how long it took.
fn assert_same(replayed: &Played, recorded: &Played) {
    assert_eq!(ended(replayed), ended(recorded));
    assert_eq!(events(replayed), events(recorded));
    assert_eq!(replayed.requests, recorded.requests);
    assert_eq!(replayed.calls, recorded.calls);
}

fn ended(played: &Played) -> Result<RunOutput, Box<Failed>> {
    let mut ended = played.ended.clone().map_err(Box::new);
    let steps = ended.as_mut().map_or_else(|failed| &mut failed.steps, |output| &mut output.steps);
    for step in steps {
        step.duration = Duration::ZERO;
    }
    ended
}

fn events(played: &Played) -> Vec<StreamEvent> {
    let mut events = played.events.clone();
    for event in &mut events {
        if let StreamEvent::StepFinish { step, .. } = event {
            step.duration = Duration::ZERO;
        }
    }
    events
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_recorded_run_is_replayed_the_same_on_every_surface(plan in plans()) {
        in_paused_time(async {
            let (recorded, files) = record(&plan).await;
            assert_same(&recorded, &play(|notes| plan.scene(notes)).await);
            let replays = RefCell::new(Vec::new());
            let replayed = play(|notes| {
                let file = &files[replays.borrow().len()];
                let replay: Arc<Replay> = Arc::new(file.text().parse().unwrap());
                replays.borrow_mut().push(Arc::clone(&replay));
                plan.scene(notes).wrap(|_| replay)
            })
            .await;
            assert_same(&replayed, &recorded);
            for replay in replays.into_inner() {
                assert_eq!((replay.remaining(), replay.lost()), (0, None));
            }
        });
    }

    #[test]
    fn what_one_surface_recorded_is_replayed_on_all_others(plan in plans(), surface in 0..4_usize) {
        in_paused_time(async {
            let (recorded, files) = record(&plan).await;
            let file = files[surface].text();
            let replayed = play(|notes| plan.scene(notes).wrap(|_| file.parse::<Replay>().unwrap())).await;
            assert_same(&replayed, &recorded);
        });
    }

    #[test]
    fn a_recording_that_is_cut_anywhere_replays_what_it_has_and_never_less_in_silence(
        plan in plans(),
        cut in any::<proptest::sample::Index>(),
    ) {
        in_paused_time(async {
            let (recorded, files) = record(&plan).await;
            let whole = files[0].text();
            let (header, rest) = whole.split_once('\n').unwrap();
            let cut = rest.floor_char_boundary(cut.index(rest.len() + 1));
            let file = format!("{header}\n{}", &rest[..cut]);
            let replayed = play(|notes| plan.scene(notes).wrap(|_| file.parse::<Replay>().unwrap())).await;
            if ended(&replayed) == ended(&recorded) {
                assert_same(&replayed, &recorded);
            } else {
                let text = &replayed.failed().text;
                assert!(text.contains("the recording is not whole"), "{text}");
            }
        });
    }
}
