//! How a connection is made: straight or through a proxy of the system's settings, with TLS
//! where the URL says so.
use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{HeaderValue, Uri, uri::Scheme};
use hyper_rustls::HttpsConnector;
use hyper_util::client::{
    legacy::connect::{HttpConnector, proxy::Tunnel},
    proxy::matcher::{Intercept, Matcher},
};
use rustls::{
    ClientConfig,
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tower_service::Service;

use super::{
    destination::{Destination, is_loopback},
    socket::Socket,
};

/// How long a connection may take to be made, TLS and all.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a connection is asked whether it is still there, and how often in vain.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

/// How long sent bytes may stay unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

type Failure = Box<dyn Error + Send + Sync>;

/// Makes connections. Cloning it shares the settings.
#[derive(Clone)]
pub(super) struct Connector(Arc<Settings>);

struct Settings {
    tcp: HttpConnector,
    /// Made when it is first needed: it reads every certificate that the system trusts.
    tls: OnceLock<Arc<ClientConfig>>,
    proxies: Matcher,
}

impl Connector {
    pub(super) fn new(proxies: Matcher) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        Self(Arc::new(Settings { tcp, tls: OnceLock::new(), proxies }))
    }

    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        if let Some(tls) = self.0.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let made = Arc::new(tls()?);
        Ok(Arc::clone(self.0.tls.get_or_init(|| made)))
    }

    /// What a proxy wants to read in a request that it passes on. In a tunnel it reads nothing.
    pub(super) fn proxy_authorization(&self, destination: &Destination) -> Option<HeaderValue> {
        if destination.is_loopback || destination.uri.scheme() != Some(&Scheme::HTTP) {
            return None;
        }
        self.0.proxies.intercept(&destination.uri)?.basic_auth().cloned()
    }

    fn proxy(&self, uri: &Uri) -> Option<Intercept> {
        if is_loopback(uri) { None } else { self.0.proxies.intercept(uri) }
    }

    /// A connection on which `uri` can be asked for.
    ///
    /// # Errors
    ///
    /// Of whatever failed, also if it took too long.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<Socket, Failure> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.try_connect(uri.clone())).await?
    }

    async fn try_connect(&self, uri: Uri) -> Result<Socket, Failure> {
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let proxy = self.proxy(&uri);
        if proxy.is_none() && !is_https {
            return Ok(Socket::to_host(self.0.tcp.clone().call(uri).await?));
        }
        let tls = self.tls()?;
        let mut first = HttpsConnector::from((self.0.tcp.clone(), Arc::clone(&tls)));
        let Some(proxy) = proxy else {
            return Ok(Socket::to_host(first.call(uri).await?));
        };
        if !is_https {
            return Ok(Socket::to_proxy(first.call(proxy.uri().clone()).await?));
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), first);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        Ok(Socket::to_host(HttpsConnector::from((tunnel, tls)).call(uri).await?))
    }
}

/// TLS as the system trusts it, by the cryptography that the program has chosen, if it has.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
}

#[cfg(test)]
mod tests;
