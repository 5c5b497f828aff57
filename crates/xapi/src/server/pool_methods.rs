//! The notes of clients at the pool, and the events that they bring about themselves.

use super::api::Api;
use super::call::Call;
use super::catalogue::class_named;
use super::events::Operation;
use super::failure::Failure;
use super::notes;
use super::util::lock;
use super::value::Value;

impl Api {
    /// Adds or removes a note at the pool. It is not kept.
    pub(super) fn note_at_pool(&self, call: &Call) -> Result<Value, Failure> {
        let there = |pool| self.record(&*self.vdis()?, "pool", pool).map(drop);
        let (pool, changed) = if call.method == "pool.add_to_other_config" {
            let [pool, key, value] = call.texts()?;
            there(pool)?;
            notes::add(&mut lock(&self.pool_notes), "pool", pool, (key, value))?;
            (pool, true)
        } else {
            let [pool, key] = call.texts()?;
            there(pool)?;
            (pool, lock(&self.pool_notes).remove(key).is_some())
        };
        if changed {
            self.events.add("pool", pool, Operation::Modify);
        }
        Ok(Value::EMPTY)
    }

    /// An event of an object to which nothing has happened: clients learn by it that they have seen all before.
    pub(super) fn inject(&self, call: &Call) -> Result<Value, Failure> {
        let [name, reference] = call.texts()?;
        let class = class_named(name).ok_or_else(|| Failure::bad_handle(name, reference))?;
        self.record(&*self.vdis()?, class, reference)?;
        let number = self.events.add(class, reference, Operation::Modify);
        Ok(Value::text(self.events.token(number)))
    }
}
