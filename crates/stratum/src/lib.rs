//! The Stratum dialect that Kadena ASICs speak.
//!
//! Empty today: the server has an issue of its own. The crate holds its place in the workspace, so that the
//! direction of dependencies is fixed before there is code that could break it. It will know the protocol
//! (messages, sessions, nonce space, difficulty) and its TCP server, and never a chainweb node.
