//! The operations of the rounds as a list, recorded from their one source.
//!
//! The build script of `pow` orders them, and its `bound.rs` counts them.

use std::cell::RefCell;

use crate::Arithmetic;

/// The number of values before the operations: 16 of the state, then 8 of the message.
pub const INPUTS: usize = 24;

/// An operation on values: number `INPUTS + i` is the result of the operation at index `i`.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    /// Adds.
    Add(usize, usize),
    /// Exclusive or.
    Xor(usize, usize),
    /// To the right by this number of bits.
    Rotate(u32, usize),
}

impl Operation {
    /// Returns the values which the operation takes; both are equal if it takes one.
    pub const fn operands(self) -> [usize; 2] {
        match self {
            Self::Add(a, b) | Self::Xor(a, b) => [a, b],
            Self::Rotate(_, a) => [a, a],
        }
    }
}

/// Returns the operations which the result of `rounds` depends on; the last one is the result.
pub fn record(
    rounds: impl FnOnce(Recorder<'_>, [usize; 16], &[usize; 8]) -> usize,
) -> Vec<Operation> {
    let operations = RefCell::default();
    let message = std::array::from_fn(|i| 16 + i);
    let result = rounds(Recorder(&operations), std::array::from_fn(|i| i), &message);
    let mut operations = operations.into_inner();
    operations.truncate(result + 1 - INPUTS);

    let mut is_needed = vec![false; result + 1];
    is_needed[result] = true;
    for (i, operation) in operations.iter().enumerate().rev() {
        if is_needed[INPUTS + i] {
            for operand in operation.operands() {
                is_needed[operand] = true;
            }
        }
    }
    let mut renumbered: Vec<usize> = (0..INPUTS).collect();
    let mut needed = Vec::new();
    for (i, operation) in operations.into_iter().enumerate() {
        renumbered.push(INPUTS + needed.len());
        if is_needed[INPUTS + i] {
            needed.push(match operation {
                Operation::Add(a, b) => Operation::Add(renumbered[a], renumbered[b]),
                Operation::Xor(a, b) => Operation::Xor(renumbered[a], renumbered[b]),
                Operation::Rotate(bits, a) => Operation::Rotate(bits, renumbered[a]),
            });
        }
    }
    needed
}

/// Arithmetic on the numbers of values.
#[derive(Clone, Copy, Debug)]
pub struct Recorder<'a>(&'a RefCell<Vec<Operation>>);

impl Recorder<'_> {
    fn push(self, operation: Operation) -> usize {
        let mut operations = self.0.borrow_mut();
        operations.push(operation);
        INPUTS + operations.len() - 1
    }
}

impl Arithmetic for Recorder<'_> {
    type V = usize;

    fn add(self, a: usize, b: usize) -> usize {
        self.push(Operation::Add(a, b))
    }

    fn xor(self, a: usize, b: usize) -> usize {
        self.push(Operation::Xor(a, b))
    }

    fn rotate_right_16(self, a: usize) -> usize {
        self.push(Operation::Rotate(16, a))
    }

    fn rotate_right_12(self, a: usize) -> usize {
        self.push(Operation::Rotate(12, a))
    }

    fn rotate_right_8(self, a: usize) -> usize {
        self.push(Operation::Rotate(8, a))
    }

    fn rotate_right_7(self, a: usize) -> usize {
        self.push(Operation::Rotate(7, a))
    }
}
