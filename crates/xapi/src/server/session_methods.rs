//! The records of sessions.

use super::api::Api;
use super::call::Call;
use super::failure::Failure;
use super::records;
use super::sessions::Session;
use super::util::lock;
use super::value::{NULL, Struct, Value};

/// The fields of a session's record.
const FIELDS: &[&str] = &[
    "uuid",
    "this_host",
    "this_user",
    "last_active",
    "pool",
    "other_config",
    "is_local_superuser",
    "subject",
    "validation_time",
    "auth_user_sid",
    "auth_user_name",
    "rbac_permissions",
    "tasks",
    "parent",
    "originator",
    "client_certificate",
];

/// The methods that find or read a whole session. All sessions at once cannot be read.
const READ: &[&str] = &["get_by_uuid", "get_record"];

/// Whether a session can be read in that way.
pub(super) fn reads(verb: &str) -> bool {
    READ.contains(&verb) || verb.strip_prefix("get_").is_some_and(|field| FIELDS.contains(&field))
}

/// All the ways in which a session can be read.
pub(super) fn all_reads() -> impl Iterator<Item = String> {
    READ.iter().map(|&verb| verb.to_owned()).chain(FIELDS.iter().map(|field| format!("get_{field}")))
}

impl Api {
    /// Reads a session, of which the one that asks names itself as a rule.
    pub(super) fn read_session(&self, call: &Call) -> Result<Value, Failure> {
        let [named] = call.texts()?;
        let host = records::reference(&*self.vdis()?, "host");
        let sessions = lock(&self.sessions);
        let verb = call.method.trim_start_matches("session.");
        if verb == "get_by_uuid" {
            let found = sessions.by_uuid(named).ok_or_else(|| Failure::new("UUID_INVALID", ["session", named]))?;
            return Ok(Value::text(found.to_owned()));
        }
        let session = sessions.get(named).ok_or_else(|| Failure::bad_handle("session", named))?;
        let field = |name: &str| field(session, sessions.user(), &host, name);
        Ok(match verb {
            "get_record" => Value::Struct(FIELDS.iter().map(|&name| (name.into(), field(name))).collect::<Struct>()),
            _ => field(verb.trim_start_matches("get_")),
        })
    }

    /// The users of other directories who have sessions.
    pub(super) fn subject_identifiers(&self, call: &Call) -> Result<Value, Failure> {
        let [] = call.texts()?;
        Ok(Value::List(Vec::new()))
    }
}

/// The one user is the pool's own, who may do everything: of such a session, a pool names neither subject nor permissions.
fn field(session: &Session, user: &str, host: &str, name: &str) -> Value {
    match name {
        "uuid" => Value::text(session.uuid.to_string()),
        "this_host" => Value::text(host.to_owned()),
        "last_active" => Value::Time(session.last_active),
        "validation_time" => Value::Time(session.opened),
        "auth_user_name" => Value::text(user.to_owned()),
        "originator" => Value::text(session.originator.clone()),
        "is_local_superuser" => Value::Bool(true),
        "pool" | "client_certificate" => Value::Bool(false),
        "this_user" | "subject" | "parent" => Value::text(NULL),
        "other_config" => Value::Struct(Vec::new()),
        "rbac_permissions" | "tasks" => Value::List(Vec::new()),
        _ => Value::EMPTY,
    }
}
