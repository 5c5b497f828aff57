//! Notes that clients keep at an object: its `other_config`.

use std::collections::BTreeMap;

use super::budgets::{NOTE, NOTES, OBJECT_NOTES};
use super::failure::Failure;
use super::value::Value;

/// Values by their keys.
pub(super) type Notes = BTreeMap<String, String>;

/// Adds a note to an object of a class.
pub(super) fn add(notes: &mut Notes, class: &str, reference: &str, (key, value): (&str, &str)) -> Result<(), Failure> {
    if notes.contains_key(key) {
        return Err(Failure::new("MAP_DUPLICATE_KEY", [class, "other_config", reference, key]));
    }
    let mut more = notes.clone();
    more.insert(key.to_owned(), value.to_owned());
    *notes = fitting(class, more)?;
    Ok(())
}

/// All notes of an object of a class, as a client gives them at once.
pub(super) fn all(class: &str, value: &Value) -> Result<Notes, Failure> {
    let Value::Struct(members) = value else { return Err(Failure::field_type("value")) };
    let note = |(key, value): &(_, Value)| {
        let key: &std::borrow::Cow<'_, str> = key;
        Some((key.to_string(), value.as_text()?.to_owned()))
    };
    let notes: Option<Notes> = members.iter().map(note).collect();
    fitting(class, notes.ok_or_else(|| Failure::field_type("value"))?)
}

fn fitting(class: &str, notes: Notes) -> Result<Notes, Failure> {
    let lens = || notes.iter().map(|(key, value)| key.len() + value.len());
    if notes.len() > NOTES || lens().any(|len| len > NOTE) || lens().sum::<usize>() > OBJECT_NOTES {
        return Err(Failure::internal(format!("the {class} has no room for more notes")));
    }
    Ok(notes)
}

/// Notes as a client sees them.
pub(super) fn value(notes: &Notes) -> Value {
    Value::Struct(notes.iter().map(|(key, value)| (key.clone().into(), Value::text(value.clone()))).collect())
}
