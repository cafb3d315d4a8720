//! The bare thing beside the shop: an actix-web server that reads the same JSON and answers a
//! constant. `cargo xtask bench` builds and runs it.
//!
//! `bare_http FOLDER` serves on a free port of 127.0.0.1 and prints its address; each file of the
//! folder is the constant answer to `GET /fixed/NAME`.
#![expect(clippy::print_stdout, reason = "it tells where it serves")]

use std::collections::HashMap;
use std::net::TcpListener;
use std::{env, fs, io};

use actix_web::{App, HttpResponse, HttpServer, web};
use bytes::Bytes;
use serde::Deserialize;

/// What every command is answered with: as much as the shop says of one new entity.
const CREATED: &str = r#"["813eb7e2-2082-5544-986c-c4232442fef8"]"#;

/// What a client sends of a customer.
#[derive(Deserialize)]
struct Customer {
    name: String,
    email: String,
}

/// What a client sends of an order.
#[derive(Deserialize)]
struct Order {
    product_ids: Vec<uuid::Uuid>,
    customer_id: uuid::Uuid,
}

/// The constant answers to queries, by name.
type Fixed = HashMap<String, Bytes>;

async fn create_customer(customer: web::Json<Customer>) -> HttpResponse {
    created(!customer.name.is_empty() && !customer.email.is_empty())
}

async fn create_order(order: web::Json<Order>) -> HttpResponse {
    created(!order.product_ids.is_empty() && !order.customer_id.is_nil())
}

fn created(valid: bool) -> HttpResponse {
    if valid {
        HttpResponse::Ok().content_type("application/json").body(CREATED)
    } else {
        HttpResponse::UnprocessableEntity().finish()
    }
}

async fn fixed(answers: web::Data<Fixed>, name: web::Path<String>) -> HttpResponse {
    match answers.get(name.as_str()) {
        Some(answer) => HttpResponse::Ok().content_type("application/json").body(answer.clone()),
        None => HttpResponse::NotFound().finish(),
    }
}

fn read(folder: &str) -> io::Result<Fixed> {
    let mut answers = Fixed::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            answers.insert(name, fs::read(entry.path())?.into());
        }
    }
    Ok(answers)
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let folder = env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let Some(folder) = folder else {
        println!("`cargo xtask bench` runs this; by hand it is `bare_http FOLDER`");
        return Ok(());
    };
    let answers = web::Data::new(read(&folder)?);
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::clone(&answers))
            .route("/customers", web::post().to(create_customer))
            .route("/orders", web::post().to(create_order))
            .route("/fixed/{name}", web::get().to(fixed))
    });
    println!("bare actix-web on http://{address}");
    server.listen(listener)?.run().await
}
