//! A simulated chainweb node.
