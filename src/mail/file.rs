//! Writes each mail as a file that is named after its Message-ID.
//!
//! A file appears whole or not at all, and is durable before its mail counts as sent. The same mail
//! sent again finds its file there, so nobody gets it twice.

use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use ordershop_actors::runtime::fault::crash_point;
use ordershop_actors::shop::effects::{Mail, MailTransport, TransportError};

use super::{MailForm, MailFormError};

/// A folder of mails.
pub struct MailFolder {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    form: MailForm,
}

impl MailFolder {
    /// Opens the folder, and makes it where there is none.
    pub fn open(folder: &Path, form: MailForm) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let probe = folder.join(".probe");
        File::create(&probe)?;
        fs::remove_file(&probe)?;
        Ok(Self { inner: Arc::new(Inner { folder: folder.to_owned(), form }) })
    }
}

impl Inner {
    fn write_all(&self, mails: &[Mail]) -> Result<(), TransportError> {
        let form = |(index, mail)| {
            let message = self.form.message(mail);
            let unfit =
                |error: MailFormError| TransportError::Unfit { index, source: error.into() };
            Ok((self.form.message_id(mail), message.map_err(unfit)?))
        };
        let messages = mails.iter().enumerate().map(form).collect::<Result<Vec<_>, _>>()?;
        for (id, message) in messages {
            self.write(&format!("{id}.eml"), &message).map_err(TransportError::away)?;
        }
        // Also where all files are there: whoever wrote them may have died before this.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(TransportError::away)
    }

    /// Writes a file, unless it is there.
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.folder.join(name);
        if path.try_exists()? {
            return Ok(());
        }
        let unfinished = self.folder.join(format!(".{name}.unfinished"));
        let mut file = File::create(&unfinished)?;
        file.write_all(content)?;
        file.sync_data()?;
        fs::rename(&unfinished, &path)?;
        crash_point("sender/after-mail");
        Ok(())
    }
}

impl MailTransport for MailFolder {
    fn send(
        &self,
        mails: Vec<Mail>,
    ) -> Pin<Box<dyn Future<Output = Result<(), TransportError>> + Send>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || inner.write_all(&mails)).await;
            written.map_err(TransportError::away)?
        })
    }
}

#[cfg(test)]
mod tests {
    use ordershop_actors::shop::effects::Purpose;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_same_mail_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let form = MailForm::new(&"shop.example".parse().unwrap()).unwrap();
        let mails = MailFolder::open(folder.path(), form).unwrap();
        let mail = |number| Mail {
            event_id: Uuid::from_u128(number),
            purpose: Purpose::Thanks,
            time_us: 0,
            to: "ann@customer.example".to_owned(),
            text: "Dear Ann,\n".to_owned(),
        };
        mails.inner.write_all(&[mail(1), mail(2)]).unwrap();
        mails.inner.write_all(&[mail(2), mail(3)]).unwrap();
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [1, 2, 3].map(|n| format!("{}.thanks@shop.example.eml", Uuid::from_u128(n)));
        assert_eq!(names, expected);
    }

    #[test]
    fn a_mail_that_has_no_form_is_named_and_nothing_is_written_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let form = MailForm::new(&"shop.example".parse().unwrap()).unwrap();
        let mails = MailFolder::open(folder.path(), form).unwrap();
        let mail = |to: &str| Mail {
            event_id: Uuid::from_u128(7),
            purpose: Purpose::Note,
            time_us: 0,
            to: to.to_owned(),
            text: "Dear Ann,\n".to_owned(),
        };
        let error = mails.inner.write_all(&[mail("ann@customer.example"), mail("nobody")]);
        assert!(matches!(error, Err(TransportError::Unfit { index: 1, .. })), "{error:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
