//! The form of a mail outside.
//!
//! Sources: RFC 5322, "Internet Message Format"; RFC 2045, "MIME Part One"; for addresses beyond
//! ASCII RFC 6532, "Internationalized Email Headers".

use std::time::{Duration, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use ordershop_actors::shop::effects::Mail;

use crate::settings::MailDomain;

/// The form that all mails of this shop have.
#[derive(Clone, Debug)]
pub struct MailForm {
    domain: String,
    from: Mailbox,
}

/// A mail that cannot be put into that form.
#[derive(Debug, thiserror::Error)]
pub enum MailFormError {
    /// An address that is none.
    #[error("`{address}` is no mail address")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        #[source]
        source: lettre::address::AddressError,
    },
    /// A message that is none.
    #[error("cannot put the mail together")]
    Message(#[from] lettre::error::Error),
}

impl MailForm {
    /// The form of mails from that domain.
    pub fn new(domain: &MailDomain) -> Result<Self, MailFormError> {
        let domain = domain.to_string();
        let from = mailbox(&format!("shop@{domain}"), Some("OrderShop".to_owned()))?;
        Ok(Self { domain, from })
    }

    /// The Message-ID, without its angle brackets.
    pub fn message_id(&self, mail: &Mail) -> String {
        format!("{}@{}", mail.local_id(), self.domain)
    }

    /// The whole message; the same mail gives the same bytes.
    pub fn message(&self, mail: &Mail) -> Result<Vec<u8>, MailFormError> {
        let time = Duration::from_micros(u64::try_from(mail.time_us).unwrap_or_default());
        let to = mailbox(&mail.to, None)?;
        // Given, because it would be read from the header, by a narrower grammar than an address's.
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.email.clone()])?;
        let message = Message::builder()
            .envelope(envelope)
            .message_id(Some(format!("<{}>", self.message_id(mail))))
            .date(UNIX_EPOCH + time)
            .from(self.from.clone())
            .to(to)
            .subject(mail.purpose.subject())
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(format!("{}\n", mail.text.trim_end_matches('\n')))?;
        Ok(message.formatted())
    }
}

fn mailbox(address: &str, name: Option<String>) -> Result<Mailbox, MailFormError> {
    let parsed = address
        .parse()
        .map_err(|source| MailFormError::Address { address: address.to_owned(), source })?;
    Ok(Mailbox::new(name, parsed))
}

#[cfg(test)]
mod tests {
    use ordershop_actors::shop::effects::Purpose;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_mail_has_its_headers_and_its_text_and_is_always_the_same() {
        let form = MailForm::new(&"shop.example".parse().unwrap()).unwrap();
        let mail = Mail {
            event_id: Uuid::from_u128(7),
            purpose: Purpose::Welcome,
            time_us: 1_700_000_000_000_000,
            to: "ann@customer.example".to_owned(),
            text: "Dear Ann,\n\nwelcome!\n".to_owned(),
        };
        let message = String::from_utf8(form.message(&mail).unwrap()).unwrap();
        let id = "Message-ID: <00000000-0000-0000-0000-000000000007.welcome@shop.example>\r\n";
        assert!(message.contains(id), "{message}");
        assert!(message.contains("To: ann@customer.example\r\n"), "{message}");
        assert!(message.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"), "{message}");
        assert!(message.contains("MIME-Version: 1.0\r\n"), "{message}");
        assert!(message.ends_with("Dear Ann,\r\n\r\nwelcome!\r\n"), "{message}");
        assert_eq!(form.message(&mail).unwrap(), message.as_bytes());
    }

    #[test]
    fn every_address_that_a_customer_may_have_can_be_mailed() {
        let form = MailForm::new(&"shop.example".parse().unwrap()).unwrap();
        for text in ["a@[127.0.0.1]", "\"a b\"@localhost", "\"a,b\"@c.example", "ü@bücher.example"]
        {
            let customer = ordershop_domain::Mailbox::new(text).unwrap();
            let mail = Mail {
                event_id: Uuid::from_u128(7),
                purpose: Purpose::Welcome,
                time_us: 0,
                to: customer.address(),
                text: "Dear Ann,\n".to_owned(),
            };
            assert!(form.message(&mail).is_ok(), "{text}");
        }
    }

    #[test]
    fn no_text_can_add_a_header() {
        let form = MailForm::new(&"shop.example".parse().unwrap()).unwrap();
        let mail = Mail {
            event_id: Uuid::from_u128(7),
            purpose: Purpose::Note,
            time_us: 0,
            to: "ann@customer.example\r\nBcc: all@customer.example".to_owned(),
            text: "x".to_owned(),
        };
        assert!(form.message(&mail).is_err());
    }
}
