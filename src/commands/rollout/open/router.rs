//! The router, opened with its slots in either order.

use super::Opener;
use crate::config::rollout::{self as config, RouterSection};
use crate::rollout::Slots;
use crate::rollout::router::envoy::Envoy;
use crate::rollout::router::haproxy::Haproxy;
use crate::rollout::router::kubernetes::Kubernetes;
use crate::rollout::router::webhook::{self, Webhook};
use crate::rollout::router::{Router, Target};
use crate::support::problem::Failure;

impl Opener<'_> {
    pub(super) fn router(self) -> Result<Router, Failure> {
        let slots = Slots::new(self.plan.section.router.as_ref());
        Router::new(|order| {
            let (stable, candidate) = slots.names(order);
            let (stable, candidate) = (stable.to_owned(), candidate.to_owned());
            let Some(section) = &self.plan.section.router else { return Ok(Target::None) };
            Ok(match section {
                RouterSection::Haproxy(haproxy) => {
                    let section = config::Haproxy { stable, candidate, ..haproxy.clone() };
                    Target::Haproxy(Haproxy { section, order })
                }
                RouterSection::Envoy(envoy) => Target::Envoy(Envoy {
                    routes: self.workspace.resolve(&envoy.routes)?,
                    shown: envoy.routes.clone(),
                    admin: self.host(&envoy.admin, "Envoy's admin interface", "rollout.router.envoy.admin")?,
                    stable,
                    candidate,
                    order,
                    header: envoy.header.clone(),
                }),
                RouterSection::Webhook(webhook) => Target::Webhook(Webhook {
                    host: self.host(&webhook.url, "the router's webhook", "rollout.router.webhook.url")?,
                    token: self.token(webhook.token_env.as_ref())?,
                    is_proxied: self.context.is_proxied(),
                    keys: order.of(webhook::KEYS[0], webhook::KEYS[1]),
                }),
                RouterSection::Kubernetes(route) => Target::Kubernetes(Kubernetes {
                    kind: route.kind,
                    namespace: route.namespace.clone(),
                    name: route.name.clone(),
                    stable,
                    candidate,
                }),
                RouterSection::Nginx(nginx) => self.nginx(&config::Nginx { stable, candidate, ..nginx.clone() })?,
                RouterSection::Traefik(traefik) => {
                    self.traefik(&config::Traefik { stable, candidate, ..traefik.clone() })?
                }
                RouterSection::SageMaker(endpoint) => {
                    self.sagemaker(&config::SageMaker { stable, candidate, ..endpoint.clone() })?
                }
                RouterSection::Vertex(endpoint) => {
                    self.vertex(&config::Vertex { stable, candidate, ..endpoint.clone() })?
                }
            })
        })
    }
}
