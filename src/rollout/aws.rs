//! Requests to AWS, signed by [Signature Version 4](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).

use std::fmt;
use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Who signs.
#[derive(Clone)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// The headers of a signed request: those that are given, and the signature's.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn sign(
        &self,
        (method, url): (&str, &Url),
        headers: &[(&'static str, &str)],
        body: &[u8],
        (service, region): (&str, &str),
        time: SystemTime,
    ) -> Result<HeaderMap, String> {
        let failed = |why: &dyn fmt::Display| format!("a request to AWS could not be signed: {why}");
        let identity = aws_credential_types::Credentials::new(
            self.access_key_id.clone(),
            self.secret_access_key.clone(),
            self.session_token.clone(),
            None,
            "mlgate",
        )
        .into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let request = SignableRequest::new(method, url.as_str(), headers.iter().copied(), SignableBody::Bytes(body));
        let request = request.map_err(|error| failed(&error))?;
        let (instructions, _) = sign(request, &params).map_err(|error| failed(&error))?.into_parts();
        let mut all = HeaderMap::new();
        let signed = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let given = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        for (name, value) in given.chain(signed) {
            let name = HeaderName::try_from(name).map_err(|error| failed(&error))?;
            all.insert(name, HeaderValue::try_from(value).map_err(|error| failed(&error))?);
        }
        Ok(all)
    }
}
