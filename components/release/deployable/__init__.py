"""Files with which a bundle is deployed: container, Kubernetes, Prometheus."""
