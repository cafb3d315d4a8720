//! How mails leave the house.

mod file;
mod message;
mod none;

use std::sync::Arc;

use ordershop_actors::shop::effects::MailTransport;

pub use file::MailFolder;
pub use message::{MailForm, MailFormError};
pub use none::NoMail;

use crate::exit::Exit;
use crate::settings::{MailDomain, MailUrl};

/// The transport that the settings name, ready to send.
pub fn transport(url: &MailUrl, domain: &MailDomain) -> Result<Arc<dyn MailTransport>, Exit> {
    let form = MailForm::new(domain)
        .map_err(|error| Exit::unusable(error, "set --mail-domain to a domain of yours"))?;
    Ok(match url {
        MailUrl::None => Arc::new(NoMail),
        MailUrl::File(folder) => {
            let folder = MailFolder::open(folder, form).map_err(|error| {
                Exit::unusable(
                    format!("cannot write mails to {}: {error}", folder.display()),
                    "make that folder writable, or name another one with --mail file:FOLDER",
                )
            })?;
            Arc::new(folder)
        }
    })
}
