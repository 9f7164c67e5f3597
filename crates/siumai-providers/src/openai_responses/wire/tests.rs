use serde_json::json;

use super::*;

#[test]
fn an_item_is_kept_as_it_came_if_nothing_of_it_would_be_changed() {
    let text = json!({ "type": "output_text", "text": "a", "annotations": [], "logprobs": [] });
    let bare = json!({ "type": "output_text", "text": "a" });
    let message = |parts: &[&Value]| json!({ "type": "message", "status": "completed", "role": "assistant", "content": parts });
    let refusal = json!({ "type": "refusal", "refusal": "no" });
    let items = [
        (true, message(&[&text, &refusal])),
        (false, message(&[&text, &bare])),
        (false, json!({ "type": "message", "content": [text] })),
        (true, json!({ "type": "reasoning", "summary": [] })),
        (false, json!({ "type": "reasoning" })),
        (false, json!({ "type": "reasoning", "summary": [], "content": null })),
        (true, json!({ "type": "function_call", "arguments": "{}" })),
        (false, json!({ "type": "function_call", "arguments": "{}", "id": null })),
        (true, json!({ "type": "web_search_call", "action": null })),
    ];
    for (expected, item) in items {
        let mut completed = item.as_object().unwrap().clone();
        complete(&mut completed);
        assert_eq!(is_complete(&item.to_string()), expected, "{item}");
        assert_eq!(json!(completed) == item, expected, "{item}");
    }
    assert!(!is_complete(r#"{"type":"function_call"}"#), "it is hollow");
}
