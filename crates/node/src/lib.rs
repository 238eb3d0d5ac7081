//! Client of one chainweb node.
