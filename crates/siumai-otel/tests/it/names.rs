//! The names and values of all that is told of a run.
use siumai_otel::Conventions;

use crate::fixtures::{SECRET, SURFACES, Surface, Told, model, observe, options, resolver};

async fn told(conventions: Conventions, surface: Surface, content: bool) -> Told {
    let run = async { surface.run(&model(), &resolver(), options(content)).await };
    let (output, told) = observe(conventions, run).await;
    assert_eq!(output.unwrap().steps.len(), 2);
    told
}

#[tokio::test(start_paused = true)]
async fn a_whole_run_is_told_by_the_names_of_1_41() {
    let told = told(Conventions::V1_41, Surface::Whole, false).await;
    insta::assert_json_snapshot!(told.whole());
}

#[tokio::test(start_paused = true)]
async fn a_streamed_run_tells_the_time_to_its_first_chunks_too() {
    let told = told(Conventions::V1_41, Surface::Streamed, false).await;
    insta::assert_json_snapshot!(told.whole());
}

#[tokio::test(start_paused = true)]
async fn newer_names_come_by_opt_in() {
    let conventions = Conventions::opted_in("gen_ai_latest_experimental");
    let told = told(conventions, Surface::Streamed, false).await;
    insta::assert_json_snapshot!(told.whole());
}

#[tokio::test(start_paused = true)]
async fn what_was_said_is_told_where_it_is_asked_for() {
    let told = told(Conventions::V1_41, Surface::Whole, true).await;
    insta::assert_json_snapshot!(told.spans);
}

#[tokio::test(start_paused = true)]
async fn what_was_said_is_not_told_unless_it_is_asked_for() {
    for surface in SURFACES {
        for conventions in [Conventions::V1_41, Conventions::Newest] {
            let told = told(conventions, surface, false).await;
            let whole = told.whole().to_string();
            assert!(!whole.contains(SECRET), "{surface:?}: {whole}");
        }
    }
}
