//! Calls over a connection that is kept while it is good.

use serde::Serialize;

use super::connection::{Broken, Connection, Connector, Sent};
use super::error::Error;
use super::options::{Address, Options};
use super::rpc::{self, Reply};
use super::secrets::Secrets;

/// The way to one host.
pub(super) struct Wire {
    connector: Connector,
    address: Address,
    /// The member of the pool that named this host as its master.
    via: Option<String>,
    /// Only here while nothing is under way on it: a call takes it, and puts it back when it has the whole answer. So
    /// a call that is given up midway leaves none, and its answer is never taken for that of the next call.
    idle: Option<Connection>,
    last_id: u64,
    /// The secrets that no error which leaves the wire repeats.
    secrets: Secrets,
}

impl Wire {
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        let connector = Connector::new(options)?;
        let mut secrets = Secrets::default();
        secrets.add(options.password.expose());
        Ok(Self { connector, address: options.address.clone(), via: None, idle: None, last_id: 0, secrets })
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Another wire with the same connection, which this one then lacks.
    pub(super) fn take(&mut self) -> Self {
        Self {
            connector: self.connector.clone(),
            address: self.address.clone(),
            via: self.via.clone(),
            idle: self.idle.take(),
            last_id: self.last_id,
            secrets: std::mem::take(&mut self.secrets),
        }
    }

    /// Lets no error repeat this, from now on.
    pub(super) fn withhold(&mut self, secret: &str) {
        self.secrets.add(secret);
    }

    /// An error that was made of an answer elsewhere, without the secrets in it.
    pub(super) fn without_secrets(&self, error: Error) -> Error {
        error.without(&self.secrets)
    }

    /// The result of a call, which has to be a reference, and none that is a secret already.
    pub(super) fn reference(&self, reply: &Reply) -> Result<String, Error> {
        let reference = reply.reference()?;
        if self.secrets.are_in_reference(&reference) {
            return Err(reply.wrong("the result repeats the password or the session"));
        }
        Ok(reference)
    }

    /// Leads to another host from now on: the master that this one has named. False if that is no host.
    pub(super) fn redirect(&mut self, master: &str) -> bool {
        let Some(address) = self.address.at(master) else { return false };
        self.via = Some(self.address.to_string());
        self.address = address;
        self.idle = None;
        true
    }

    /// Makes one call.
    pub(super) async fn call(&mut self, method: &str, params: &impl Serialize) -> Result<Reply, Error> {
        self.exchange(method, params).await.map_err(|error| self.without_secrets(error))
    }

    async fn exchange(&mut self, method: &str, params: &impl Serialize) -> Result<Reply, Error> {
        self.last_id += 1;
        let id = self.last_id;
        let request = rpc::request(id, method, params)?;
        let mut kept = None;
        if let Some(connection) = self.idle.take() {
            match connection.exchange(method, request.clone()).await {
                Ok(done) => kept = Some(done),
                // The other side may close a connection that is idle, at any moment.
                Err(Broken { sent: Sent::Nothing, .. }) => {}
                Err(Broken { sent: Sent::Perhaps, .. }) if is_repeatable(method) => {}
                Err(Broken { error, .. }) => return Err(error),
            }
        }
        let (body, connection) = match kept {
            Some(done) => done,
            None => {
                let connection = self.connector.open(&self.address, self.via.as_deref()).await?;
                connection.exchange(method, request).await.map_err(|broken| broken.error)?
            }
        };
        let (length, method) = (body.len(), method.to_owned());
        let reply = rpc::aside(length, move || Reply::parse(&method, id, body)).await;
        // After an answer that makes no sense, whatever comes next on this connection makes none either.
        if matches!(reply, Ok(_) | Err(Error::Refused { .. })) {
            self.idle = Some(connection);
        }
        reply
    }

    /// Closes the connection in good order.
    pub(super) async fn finish(&mut self) {
        if let Some(connection) = self.idle.take() {
            connection.finish().await;
        }
    }
}

/// Whether a call can be made twice without harm: it only reads.
fn is_repeatable(method: &str) -> bool {
    method == "VDI.list_changed_blocks" || method.split_once('.').is_some_and(|(_, name)| name.starts_with("get_"))
}
