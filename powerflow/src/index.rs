//! Two kinds of number for one thing: the id printed in the file, and the dense row inside a
//! [`crate::Network`]. They are different types and there is no `From` between them; a network translates.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

/// The number printed in the case file: any non-negative integer, gaps allowed, shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BusId(pub u64);

impl std::fmt::Display for BusId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A dense row number, from zero: the key of a [`Column`].
pub trait Index: Copy + Eq + Ord {
    /// The index of row `row`.
    fn from_row(row: usize) -> Self;
    /// The row, from zero.
    fn row(self) -> usize;
}

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub(crate) u32);

        impl Index for $name {
            fn from_row(row: usize) -> Self {
                Self(u32::try_from(row).expect("a network has fewer than 2^32 rows"))
            }
            fn row(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// The row of a bus in every bus column: file order, from zero, never shown to people.
    BusIdx
);
index!(
    /// The row of a branch (line or transformer): file order, from zero.
    BranchIdx
);
index!(
    /// The row of a generating unit: file order, from zero.
    UnitIdx
);
index!(
    /// The row of a shunt element: file order, from zero.
    ShuntIdx
);
index!(
    /// An electrical node of a [`crate::Plan`]: a bus, or one busbar of a split bus.
    NodeIdx
);

index!(
    /// The row of a station of a [`crate::gic::GicNetwork`]: file order, from zero.
    StationIdx
);

/// A column of a table: one `T` per row, opened only by the right kind of index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Column<I, T> {
    rows: Vec<T>,
    #[serde(skip)]
    key: PhantomData<fn(I) -> I>,
}

impl<I, T> Default for Column<I, T> {
    fn default() -> Self {
        Self { rows: Vec::new(), key: PhantomData }
    }
}

impl<I: Index, T> Column<I, T> {
    /// A column of `len` equal rows.
    pub fn filled(value: T, len: usize) -> Self
    where
        T: Clone,
    {
        vec![value; len].into()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the column has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows in order, each with its index.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (I, &T)> + DoubleEndedIterator {
        self.rows.iter().enumerate().map(|(row, value)| (I::from_row(row), value))
    }

    /// The indices of the rows, in order.
    pub fn indices(&self) -> impl ExactSizeIterator<Item = I> + DoubleEndedIterator + use<I, T> {
        (0..self.rows.len()).map(I::from_row)
    }

    /// The rows without their key.
    pub fn as_slice(&self) -> &[T] {
        &self.rows
    }

    /// The rows without their key, mutable.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.rows
    }

    /// The row of `index`, or `None` where the column has no such row.
    pub fn get(&self, index: I) -> Option<&T> {
        self.rows.get(index.row())
    }
}

impl<I: Index, T> std::ops::Index<I> for Column<I, T> {
    type Output = T;
    #[inline(always)]
    fn index(&self, index: I) -> &T {
        &self.rows[index.row()]
    }
}

impl<I: Index, T> std::ops::IndexMut<I> for Column<I, T> {
    #[inline(always)]
    fn index_mut(&mut self, index: I) -> &mut T {
        &mut self.rows[index.row()]
    }
}

impl<I, T> From<Vec<T>> for Column<I, T> {
    fn from(rows: Vec<T>) -> Self {
        Self { rows, key: PhantomData }
    }
}

impl<I, T> FromIterator<T> for Column<I, T> {
    fn from_iter<It: IntoIterator<Item = T>>(rows: It) -> Self {
        rows.into_iter().collect::<Vec<T>>().into()
    }
}
