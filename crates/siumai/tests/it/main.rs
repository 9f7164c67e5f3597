//! The public face, used as its users use it.
#[cfg(test)]
mod recording;
#[cfg(test)]
mod specification;
mod tool_functions;
mod tool_methods;
