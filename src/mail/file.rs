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
        for mail in mails {
            match self.form.message(mail) {
                Ok(message) => {
                    self.write(&format!("{}.eml", self.form.message_id(mail)), &message)?;
                }
                Err(error) => self.set_aside(mail, &error)?,
            }
        }
        // Also where all files are there: whoever wrote them may have died before this.
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }

    /// Keeps a mail that has no form, beside the others, so that it is not lost and holds nothing
    /// up.
    fn set_aside(&self, mail: &Mail, error: &MailFormError) -> Result<(), TransportError> {
        let name = format!("{}.unsent.json", self.form.message_id(mail));
        tracing::error!(to = %mail.to, %error, file = %name, "a mail cannot be put together");
        self.write(&name, &serde_json::to_vec_pretty(mail)?)
    }

    /// Writes a file, unless it is there.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), TransportError> {
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
        Box::pin(async move { tokio::task::spawn_blocking(move || inner.write_all(&mails)).await? })
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
}
