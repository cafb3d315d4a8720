//! Hands the mails to which entries lead over to msg.

use std::sync::Arc;

use ordershop_store::Entry;

use super::msg::NotAccepted;
use super::{Mail, MsgHandle};
use crate::runtime::{HandlerError, HandlerFuture};

/// Has the mails accepted to which these entries lead; `mail` tells which one that is, if any.
pub(super) fn accept(
    msg: &MsgHandle,
    entries: Arc<[Arc<Entry>]>,
    mail: impl Fn(&Entry) -> Result<Option<Mail>, serde_json::Error>,
) -> HandlerFuture {
    let mut mails = Vec::new();
    // For each mail the place of its entry.
    let mut causes = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match mail(entry) {
            Ok(Some(mail)) => {
                mails.push(mail);
                causes.push(index);
            }
            Ok(None) => {}
            Err(error) => {
                let error = HandlerError::unfit(entry, error);
                return Box::pin(std::future::ready(Err(error)));
            }
        }
    }
    let msg = msg.clone();
    Box::pin(async move {
        msg.accept(mails).await.map_err(|refused| match refused {
            NotAccepted::Never { index, error } => {
                HandlerError::unfit(&entries[causes[index]], error)
            }
            NotAccepted::NotNow(error) => HandlerError::away(error),
        })
    })
}
