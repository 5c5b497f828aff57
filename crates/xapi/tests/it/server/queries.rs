//! `get_all_records_where`, and the classes that have no objects.

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use serde_json::{Value, json};

use super::wire::Served;

const DISK: Uuid = Uuid::from_u128(1);

#[test]
fn records_are_found_by_their_fields() {
    let served = Served::new();
    served.writable().create(DISK, VirtualSize::new(1 << 30).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    let other = session.get("VDI.create", &[&json!({"name_label": "it's \"mine\"", "virtual_size": 4096})]);
    let all = session.get("VDI.get_all_records", &[]);
    let found = |class: &str, expression: &str| -> Vec<String> {
        let expression = json!(expression);
        let records = session.get(&format!("{class}.get_all_records_where"), &[&expression]);
        let records = records.as_object().expect("a struct");
        if class == "VDI" {
            records.iter().for_each(|(reference, record)| assert_eq!(record, &all[reference]));
        }
        let mut references = session.get(&format!("{class}.get_all_where"), &[&expression]);
        let references = references.as_array_mut().expect("a list");
        references.sort_by_key(|reference| reference.to_string());
        assert!(records.keys().eq(references.iter().filter_map(Value::as_str)));
        records.keys().cloned().collect()
    };
    let references = |of: &[&Value]| {
        let mut of: Vec<String> = of.iter().map(|of| of.as_str().expect("text").to_owned()).collect();
        of.sort();
        of
    };
    let disk_ref = disk.as_str().expect("text");
    for (expression, expected) in [
        ("true", references(&[&disk, &snapshot, &other])),
        ("false", vec![]),
        ("field \"is_a_snapshot\" = \"true\"", references(&[&snapshot])),
        ("field \"is_a_snapshot\"=\"false\" and field \"cbt_enabled\"=\"true\"", references(&[&disk])),
        ("not field \"cbt_enabled\" = \"true\"", references(&[&other])),
        ("field \"virtual_size\" = \"4096\" or field \"is_a_snapshot\" = \"true\"", references(&[&snapshot, &other])),
        ("field \"name__label\" = \"\"", references(&[&disk, &snapshot])),
        (&format!("field \"uuid\" = \"{DISK}\""), references(&[&disk])),
        (&format!("field \"snapshot_of\" = \"{disk_ref}\""), references(&[&snapshot])),
        (&format!("field \"_ref\" = \"{disk_ref}\""), references(&[&disk])),
        ("field \"VBDs\" = \"()\" and (field \"type\" = \"user\")", references(&[&disk, &snapshot, &other])),
        ("field \"uuid\" = field \"location\"", references(&[&disk, &snapshot, &other])),
    ] {
        assert_eq!(found("VDI", expression), expected, "{expression}");
    }
    assert_eq!(found("SR", "field \"name__label\" = \"changed-blocks\"").len(), 1);
    assert_eq!(found("SM", "field \"type\" = \"cbtlog\"").len(), 1);
    // The pool's names are in no group.
    assert_eq!(found("pool", "field \"name_label\" = \"changed-blocks\"").len(), 1);
    assert_eq!(found("host", "field \"API_version__major\" = \"2\"").len(), 1);
    assert!(found("VM", "field \"is_a_template\" = \"true\"").is_empty());
    let task = session.get("task.create", &[&json!("a"), &json!("b")]);
    assert_eq!(found("task", "field \"name__description\" = \"b\""), references(&[&task]));
    assert_eq!(found("task", "field \"progress\" = \"0\" and field \"other_config\" = \"()\"").len(), 1);

    let refused =
        |class: &str, expression: &str| session.error(&format!("{class}.get_all_records_where"), &[&json!(expression)]);
    let bad = "field \"uuid\" == \"x\"";
    assert_eq!(refused("VDI", bad), ["INVALID_VALUE", bad, "at byte 14: a comparison was expected, not \"=\""]);
    for (class, name) in
        [("VDI", "nonsense"), ("VDI", "name_label"), ("pool", "name__label"), ("VDI", "a__b"), ("VDI", "ref")]
    {
        let expression = format!("field \"{name}\" = \"x\"");
        assert_eq!(refused(class, &expression), ["INTERNAL_ERROR", "missing field", name, ""]);
    }
}

#[test]
fn classes_without_objects_say_so() {
    let served = Served::new();
    let session = served.login();
    for class in ["VM", "VBD", "message"] {
        let method = |verb: &str| format!("{class}.{verb}");
        assert_eq!(session.get(&method("get_all"), &[]), json!([]));
        assert_eq!(session.get(&method("get_all_records"), &[]), json!({}));
        assert_eq!(session.get(&method("get_all_records_where"), &[&json!("true")]), json!({}));
        assert_eq!(session.error(&method("get_by_uuid"), &[&json!("x")]), ["UUID_INVALID", class, "x"]);
        assert_eq!(session.error(&method("get_record"), &[&json!("x")]), ["HANDLE_INVALID", class, "x"]);
    }
    assert_eq!(session.get("VM.get_by_name_label", &[&json!("x")]), json!([]));
    for method in ["VM.get_VBDs", "VM.get_power_state", "VM.destroy"] {
        assert_eq!(session.error(method, &[&json!("x")]), ["HANDLE_INVALID", "VM", "x"]);
    }
    assert_eq!(session.error("VM.snapshot", &[&json!("x"), &json!("name")]), ["HANDLE_INVALID", "VM", "x"]);
    assert_eq!(
        session.error("VM.snapshot", &[&json!("x")]),
        ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.snapshot", "2", "1"]
    );
    for method in ["VBD.get_VDI", "VBD.get_type", "VBD.destroy"] {
        assert_eq!(session.error(method, &[&json!("x")]), ["HANDLE_INVALID", "VBD", "x"]);
    }
    let since = json!("20260101T00:00:00Z");
    assert_eq!(session.get("message.get_since", &[&since]), json!({}));
    assert_eq!(session.get("message.get", &[&json!("VDI"), &json!("x"), &since]), json!({}));
    for method in ["VM.start", "VBD.plug", "message.get_body", "VIF.get_all", "session.get_all"] {
        assert_eq!(session.error(method, &[&json!("x")]), ["MESSAGE_METHOD_UNKNOWN", method]);
    }
}

#[test]
fn long_expressions_about_long_notes_are_answered_soon() {
    let served = Served::new();
    let session = served.login();
    let notes: serde_json::Map<String, Value> = (0..16).map(|n| (n.to_string(), json!("'".repeat(4000)))).collect();
    session.get("VDI.create", &[&json!({"virtual_size": 4096, "other_config": notes})]);
    let expression = "field\"other_config\"=\"\"or ".repeat(10_000) + "false";
    let start = std::time::Instant::now();
    assert_eq!(session.get("VDI.get_all_where", &[&json!(expression)]), json!([]));
    assert!(start.elapsed() < std::time::Duration::from_secs(10));
}
