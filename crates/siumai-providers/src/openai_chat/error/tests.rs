use serde_json::json;

use super::*;

fn said(body: &Value) -> Option<String> {
    read(body).and_then(|it| it.message)
}

#[test]
fn the_words_are_found_in_every_frame() {
    let frames = [
        json!({ "error": { "message": "no" } }),
        json!({ "error": "no" }),
        json!([{ "error": { "message": "no" } }]),
        json!({ "message": "no" }),
        json!({ "detail": "no" }),
        json!({ "error": { "error": { "message": "no" }, "status": 500 } }),
        json!({ "errors": [{ "message": "no", "code": 7 }], "success": false }),
        json!({ "error": true, "message": "no" }),
        json!({ "error": { "message": "", "detail": "no" } }),
        json!({ "object": "error", "message": { "detail": "no" } }),
        json!({ "error": null, "msg": "no" }),
    ];
    for frame in frames {
        assert_eq!(said(&frame).as_deref(), Some("no"), "{frame}");
    }
    assert_eq!(said(&json!({})), None);
    assert_eq!(said(&json!("no")).as_deref(), Some("no"));
}

#[test]
fn what_is_wrong_with_a_request_is_told_as_it_came() {
    let wrong = json!([{ "loc": ["body"] }]);
    let expected = Some(r#"[{"loc":["body"]}]"#.to_owned());
    assert_eq!(said(&json!({ "detail": wrong })), expected);
    assert_eq!(said(&json!({ "message": { "detail": wrong } })), expected);
}

#[test]
fn a_name_comes_with_its_words_and_a_router_with_what_it_was_told() {
    let named = json!({ "error": "overloaded", "message": "try later" });
    assert_eq!(said(&named).as_deref(), Some("overloaded: try later"));
    let routed = json!({ "error": { "message": "Provider returned error", "code": 502, "metadata": { "raw": "too long" } } });
    let expected = Reported {
        code: Some("502".to_owned()),
        message: Some("Provider returned error: too long".to_owned()),
        ..Reported::default()
    };
    assert_eq!(read(&routed), Some(expected));
}
