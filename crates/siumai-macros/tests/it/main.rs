//! Mistakes in tools are told when a program is compiled, with what to do.

#[test]
fn a_mistake_is_told_with_the_way_out() {
    trybuild::TestCases::new().compile_fail("tests/it/mistakes/*.rs");
}
