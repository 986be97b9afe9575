//! The HTTP server without a socket, for tests whose clients run in the same process, possibly with virtual time.

use std::{io, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{Request, Response},
};
use tower_service::Service as _;

use super::{clock::Clock, connection::Connection, server, shared::Shared};
use crate::world::options::Options;

/// Answers requests like [`Server`](super::Server). Clones share one AWS.
#[derive(Clone, Debug)]
pub struct InProcess {
    routes: Router,
}

impl InProcess {
    /// Creates an emulator with an empty world.
    pub fn new(clock: Clock, world: Options) -> Self {
        Self { routes: server::routes(&Arc::new(Shared::new(clock, world))) }
    }

    /// Executes one request.
    ///
    /// # Errors
    /// Fails if a fault closed the connection before the answer was complete.
    pub async fn call(&self, mut request: Request<Body>) -> io::Result<Response<Bytes>> {
        let connection = Connection::default();
        request.extensions_mut().insert(ConnectInfo(connection.clone()));
        let response = match self.routes.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
        if connection.is_cut() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut on request"));
        }
        Ok(Response::from_parts(parts, body))
    }
}
