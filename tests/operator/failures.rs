//! The operator as a process, when things fail or go away.
