//! The picture of one network, drawn from its object alone, without IO.
//!
//! [`picture`] reads spec and status into a model in which each fact occurs once. [`layout`] places it on a plane for SVG;
//! [`mermaid`] writes it as a flowchart, whose reader does the layout. Facts that the object does not contain are drawn as
//! planned, or left out.

mod layout;
mod mermaid;
mod palette;
mod picture;
mod scene;
mod state;
mod svg;
#[cfg(test)]
mod tests;
mod text;

use clap::ValueEnum;

use crate::api::MigrationNetwork;

/// The format of a picture.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// A picture for browsers and documents, with light and dark colors
    #[default]
    Svg,
    /// A flowchart for Markdown
    Mermaid,
}

/// Draws a network. Every value of the object is text in the picture: none can add an element or a node.
#[must_use]
pub fn draw(network: &MigrationNetwork, format: Format) -> String {
    let picture = picture::Picture::of(network);
    match format {
        Format::Svg => svg::render(&layout::arrange(&picture)),
        Format::Mermaid => mermaid::render(&picture),
    }
}
