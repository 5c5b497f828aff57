//! A listing from the login to the logout, in one call.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use changed_blocks::{BlockSize, ByteRange, Scanner, VirtualSize};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::answer::Answer;
use super::error::Error;
use super::options::Options;
use super::session::{CLOSING, CLOSING_LATE, Client};
use super::size::DiskSize;

/// The changes between two disks, with the size of the newer one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Changed {
    /// The bitmap.
    pub answer: Answer,
    /// The size of the newer disk.
    pub size: DiskSize,
    /// Oddities that do not make the answer wrong.
    pub warnings: Vec<Warning>,
}

/// Something that does not make the answer wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning {
    /// The task was not destroyed, or the session not logged out. The pool does both by itself some day.
    NotClosed(Error),
    /// Only an upper bound of the size is known, so neither a bitmap that was cut short nor one of other blocks would be
    /// noticed, and the last range may reach past the end of the disk.
    SizeAtMost(VirtualSize),
    /// Not even an upper bound of the size is known, so nothing of all that would be noticed either.
    SizeUnknown,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNCHECKED: &str = "so neither a bitmap that was cut short nor one of other blocks would be noticed, and the \
                                 last range may reach past the end";
        match self {
            Self::NotClosed(error) => write!(f, "the session was not closed in good order: {error}"),
            Self::SizeAtMost(bound) => {
                write!(f, "the pool knows only that the disk has at most {} bytes, {UNCHECKED}", bound.bytes())
            }
            Self::SizeUnknown => write!(f, "the pool does not know the size of the disk, {UNCHECKED}"),
        }
    }
}

impl Changed {
    /// This answer, with the size of the disk as someone else knows it.
    ///
    /// # Errors
    ///
    /// [`Error::VirtualSizeMismatch`] if the pool knows better.
    pub fn with_virtual_size(mut self, size: VirtualSize) -> Result<Self, Error> {
        self.size = DiskSize::Exact(self.size.given(size)?);
        self.warnings.retain(|warning| matches!(warning, Warning::NotClosed(_)));
        Ok(self)
    }

    /// A scanner for [the bitmap](Answer::base64), which checks as much as the size allows.
    ///
    /// The blocks have 64 KiB, except on `SMAPIv3` storage. With an [exact](DiskSize::Exact) size, the length of the
    /// bitmap is checked and the last range ends where the disk ends. Without one, all ranges are whole blocks, and
    /// neither a bitmap that was cut short nor one of other blocks is noticed.
    ///
    /// # Errors
    ///
    /// [`Error::BitmapTooLong`] if the bitmap is longer than [the upper bound](DiskSize::AtMost) of the size needs.
    pub fn scanner(&self, block_size: BlockSize) -> Result<Scanner, Error> {
        self.size.scanner(&self.answer, block_size)
    }

    /// The byte ranges that changed, as [the scanner](Self::scanner) finds them.
    ///
    /// # Errors
    ///
    /// [`Error::Bitmap`] and [`Error::BitmapTooLong`], if something is wrong with the bitmap.
    pub fn ranges(&self, block_size: BlockSize) -> Result<Vec<ByteRange>, Error> {
        let scanner = self.scanner(block_size)?;
        let (mut extents, mut ranges) = (Vec::new(), Vec::new());
        let summary = scanner.extents_into(self.answer.base64(), &mut extents);
        summary.and_then(|summary| summary.geometry.byte_ranges(&extents, &mut ranges)).map_err(Error::Bitmap)?;
        Ok(ranges)
    }
}

/// Asks a pool which blocks changed between two disks: logs in, lists in a task, asks for the size of the newer disk,
/// and logs out. If only the task cannot be destroyed, or the logout fails, that is a [warning](Changed::warnings).
///
/// A future of this that is dropped cleans up in the background, as a dropped [`Client`] does.
///
/// # Errors
///
/// Refusals of the pool, failures on the way, and [`Error::TimeLimit`].
pub async fn changed_blocks(options: Options, from: Uuid, to: Uuid) -> Result<Changed, Error> {
    changed_blocks_unless(options, from, to, pending()).await
}

/// [`changed_blocks()`], given up when a future ends: the task is destroyed then, and the session logged out, before this
/// returns.
///
/// # Errors
///
/// Those of [`changed_blocks()`], and [`Error::Stopped`].
pub async fn changed_blocks_unless(
    options: Options,
    from: Uuid,
    to: Uuid,
    stopped: impl Future<Output = ()>,
) -> Result<Changed, Error> {
    let limit = options.time_limit;
    let closed_by = limit.and_then(|limit| Instant::now().checked_add(limit)?.checked_add(CLOSING_LATE));
    let mut given_up = pin!(async {
        let expired = async {
            match limit {
                Some(limit) => {
                    sleep(limit).await;
                    limit
                }
                None => pending().await,
            }
        };
        tokio::select! {
            () = stopped => Error::Stopped { task: None },
            limit = expired => Error::TimeLimit { limit, task: None },
        }
    });
    let mut client = tokio::select! {
        client = Client::login(options) => client?,
        error = &mut given_up => return Err(error),
    };
    client.closed_by = closed_by;
    let begins_task = Arc::clone(&client.begins_task);
    let listed = {
        let mut listing = pin!(client.list(from, to));
        tokio::select! {
            listed = &mut listing => listed,
            error = &mut given_up => {
                let left = closed_by.map_or(CLOSING, |by| by.saturating_duration_since(Instant::now()) / 2);
                task_is_known(listing, &begins_task, left).await;
                Err(error)
            }
        }
    };
    let closed = client.finish().await;
    match listed {
        Ok(mut changed) => {
            changed.warnings.extend(closed.err().map(Warning::NotClosed));
            Ok(changed)
        }
        Err(Error::Stopped { .. }) => Err(Error::Stopped { task: client.tasks.pop() }),
        Err(Error::TimeLimit { limit, .. }) => Err(Error::TimeLimit { limit, task: client.tasks.pop() }),
        Err(error) => Err(error),
    }
}

/// Goes on with a listing that was given up, for some time, while a task is being begun: once it is known, it can be ended.
async fn task_is_known(mut listing: Pin<&mut impl Future>, begins_task: &AtomicBool, limit: Duration) {
    let known = poll_fn(|context| match begins_task.load(Relaxed) && listing.as_mut().poll(context).is_pending() {
        true if begins_task.load(Relaxed) => Poll::Pending,
        _ => Poll::Ready(()),
    });
    drop(timeout(limit.min(CLOSING), known).await);
}

impl Client {
    async fn list(&mut self, from: Uuid, to: Uuid) -> Result<Changed, Error> {
        let (from, to) = (self.vdi(from).await?, self.vdi(to).await?);
        // The size comes last: if a disk is damaged, the listing is what knows why. If it grows in between, the answer is
        // found to be too short.
        let answer = self.list_changed_blocks_task(&from, &to).await?;
        let size = self.disk_size(&to).await?;
        let warnings = match size {
            DiskSize::Exact(_) => Vec::new(),
            DiskSize::AtMost(bound) => vec![Warning::SizeAtMost(bound)],
            DiskSize::Unknown => vec![Warning::SizeUnknown],
        };
        Ok(Changed { answer, size, warnings })
    }
}
