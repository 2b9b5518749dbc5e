//! Routers that are opened by a file or an account.

use super::Opener;
use super::source::is_region;
use crate::config::rollout::{
    Nginx as NginxSection, SageMaker as SageMakerSection, Traefik as TraefikSection, Vertex as VertexSection,
};
use crate::rollout::Strategy;
use crate::rollout::aws::Credentials;
use crate::rollout::router::Target;
use crate::rollout::router::file::RouterFile;
use crate::rollout::router::nginx::Nginx;
use crate::rollout::router::sagemaker::SageMaker;
use crate::rollout::router::traefik::Traefik;
use crate::rollout::router::vertex::Vertex;
use crate::support::problem::Failure;

impl Opener<'_> {
    fn router_file(self, path: &str) -> Result<RouterFile, Failure> {
        Ok(RouterFile { path: self.workspace.resolve(path)?, shown: path.to_owned() })
    }

    pub(super) fn nginx(self, section: &NginxSection) -> Result<Target, Failure> {
        Ok(Target::Nginx(Nginx {
            file: self.router_file(&section.file)?,
            pid_file: self.workspace.resolve(&section.pid_file)?,
            status: self.host(&section.status, "NGINX's status", "rollout.router.nginx.status")?,
            section: section.clone(),
        }))
    }

    pub(super) fn traefik(self, section: &TraefikSection) -> Result<Target, Failure> {
        Ok(Target::Traefik(Traefik {
            file: self.router_file(&section.file)?,
            api: self.host(&section.api, "Traefik's API", "rollout.router.traefik.api")?,
            service: section.service.clone(),
            stable: section.stable.clone(),
            candidate: section.candidate.clone(),
            is_sticky: self.plan.section.strategy == Strategy::AbTest,
        }))
    }

    pub(super) fn vertex(self, section: &VertexSection) -> Result<Target, Failure> {
        let default = format!("https://{}-aiplatform.googleapis.com/", section.location);
        let url = section.url.as_deref().unwrap_or(&default);
        Ok(Target::Vertex(Vertex {
            host: self.host(url, "the address of Vertex AI", "rollout.router.vertex.url")?,
            section: section.clone(),
            token: self.secret(&section.token_env)?,
            is_proxied: self.context.is_proxied(),
        }))
    }

    pub(super) fn sagemaker(self, section: &SageMakerSection) -> Result<Target, Failure> {
        is_region(&section.region)?;
        let default = format!("https://api.sagemaker.{}.amazonaws.com/", section.region);
        let url = section.url.as_deref().unwrap_or(&default);
        let host = self.host(url, "the address of SageMaker", "rollout.router.sagemaker.url")?;
        let credentials = Credentials {
            access_key_id: self.secret(&section.access_key_id_env)?,
            secret_access_key: self.secret(&section.secret_access_key_env)?,
            session_token: self.token(section.session_token_env.as_ref())?,
        };
        Ok(Target::SageMaker(SageMaker {
            host,
            region: section.region.clone(),
            endpoint: section.endpoint.clone(),
            stable: section.stable.clone(),
            candidate: section.candidate.clone(),
            credentials,
            is_proxied: self.context.is_proxied(),
        }))
    }
}
