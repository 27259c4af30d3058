//! Whole messages through the stage.
