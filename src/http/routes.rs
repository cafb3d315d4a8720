//! Every path of the shop.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, ResponseError, Route, guard, web};

use super::commands::{self, Billings, Customers, Inventory, Orders, Products, Resource};
#[cfg(feature = "faults")]
use super::faults;
use super::problem::{Kind, Problem};
use super::{ops, past, queries, verify};

/// Mounts every path.
pub(super) fn mount(app: &mut web::ServiceConfig) {
    app.service(only_get("/orders/unbilled").route(read().to(queries::unbilled)));
    app.service(only_get("/report").route(read().to(queries::report)));

    resource::<Customers>(app, "/customer", "/customers");
    resource::<Products>(app, "/product", "/products");
    resource::<Inventory>(app, "/inventory", "/inventory");
    resource::<Orders>(app, "/order", "/orders");
    resource::<Billings>(app, "/billing", "/billings");

    for path in ["/incr/{product_id}", "/incr/{product_id}/{pieces}"] {
        app.service(only_post(path).route(web::post().to(commands::increase)));
    }
    for path in ["/decr/{product_id}", "/decr/{product_id}/{pieces}"] {
        app.service(only_post(path).route(web::post().to(commands::decrease)));
    }
    let by_orders = web::post().to(commands::decrease_by_orders);
    app.service(only_post("/decr_from_order").route(by_orders));
    app.service(only_post("/email").route(web::post().to(commands::email)));

    app.app_data(web::QueryConfig::default().error_handler(|error, _| {
        Problem::new(Kind::Malformed, format!("the query cannot be read: {error}")).into()
    }));
    app.service(only_get("/ops/events").route(read().to(ops::list_events)));
    app.service(only_get("/ops/verify").route(read().to(verify::verify)));
    app.service(only_get("/ops/tree").route(read().to(ops::show_tree)));
    app.service(only_post("/ops/kill").route(web::post().to(ops::kill)));
    app.service(only_get("/ops/subscribers").route(read().to(ops::show_subscribers)));
    let resume = "/ops/subscribers/{subscriber}/resume";
    app.service(only_post(resume).route(web::post().to(ops::resume)));
    app.service(only_get("/ops/state/{topic}/{id}").route(read().to(ops::show_state)));
    app.service(only_get("/ops/quarantine").route(read().to(ops::list_quarantine)));
    let resolve = "/ops/quarantine/{subscriber}/{topic}/{entity}/{verb}";
    app.service(only_post(resolve).route(web::post().to(ops::resolve)));

    #[cfg(feature = "faults")]
    {
        let unfit = "/faults/subscribers/{subscriber}/{topic}/{id}/{how}";
        app.route(unfit, web::put().to(faults::be_unfit));
        app.route("/faults/parts/{path:.*}", web::put().to(faults::crash));
        app.route("/faults/{topic}/{id}", web::put().to(faults::panic_once));
    }

    app.default_service(web::to(no_such_path));
}

/// The five verbs of a topic: the list and the creation by either name, the rest by id.
fn resource<R: Resource>(app: &mut web::ServiceConfig, singular: &str, plural: &str) {
    app.service(
        methods(plural, "GET, HEAD, POST")
            .route(read().to(queries::list::<R>))
            .route(web::post().to(commands::create::<R>)),
    );
    if singular != plural {
        app.service(only_post(singular).route(web::post().to(commands::create::<R>)));
    }
    let history = only_get(&format!("{singular}/{{id}}/history"));
    app.service(history.route(read().to(past::history::<R>)));
    app.service(
        methods(&format!("{singular}/{{id}}"), "GET, HEAD, PUT, DELETE")
            .route(read().to(queries::one::<R>))
            .route(web::put().to(commands::replace::<R>))
            .route(web::delete().to(commands::delete::<R>)),
    );
}

/// A query; HEAD is answered as GET is, without the body.
fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn only_get(path: &str) -> actix_web::Resource {
    methods(path, "GET, HEAD")
}

fn only_post(path: &str) -> actix_web::Resource {
    methods(path, "POST")
}

/// A path that says which methods it takes to whoever comes with another.
fn methods(path: &str, allowed: &'static str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(move |request: HttpRequest| async move {
        let method = request.method();
        let detail = format!("{} does not take {method}, but {allowed}", request.path());
        let mut answer = Problem::new(Kind::MethodNotAllowed, detail).error_response();
        let value = header::HeaderValue::from_static(allowed);
        answer.headers_mut().insert(header::ALLOW, value);
        answer
    }))
}

async fn no_such_path(request: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::new(Kind::NotFound, format!("there is no path {}", request.path())))
}
