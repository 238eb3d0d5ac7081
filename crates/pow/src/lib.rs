//! Search kernels for the proof of work of Chainweb.
