//! Labels whose values are known when the program is built, so that nobody who connects can add a series.

/// One label.
pub(crate) trait Label: Copy + 'static {
    /// As Prometheus knows it: `protocol`.
    const NAME: &'static str;

    /// How many values it can have.
    const COUNT: usize;

    /// All of them.
    fn values() -> Vec<&'static str>;

    /// The place of this one among [`values`](Self::values).
    fn place(self) -> usize;
}

/// The labels of a family: one, or a tuple of them.
pub(crate) trait Labels: Copy + 'static {
    /// Their names, each with its values.
    fn of() -> Vec<(&'static str, Vec<&'static str>)>;

    /// The place of these among all combinations; the last label runs fastest.
    fn place(self) -> usize;
}

impl<A: Label> Labels for A {
    fn of() -> Vec<(&'static str, Vec<&'static str>)> {
        vec![(A::NAME, A::values())]
    }

    fn place(self) -> usize {
        Label::place(self)
    }
}

impl<A: Label, B: Label> Labels for (A, B) {
    fn of() -> Vec<(&'static str, Vec<&'static str>)> {
        vec![(A::NAME, A::values()), (B::NAME, B::values())]
    }

    fn place(self) -> usize {
        self.0.place() * B::COUNT + self.1.place()
    }
}

impl<A: Label, B: Label, C: Label> Labels for (A, B, C) {
    fn of() -> Vec<(&'static str, Vec<&'static str>)> {
        vec![(A::NAME, A::values()), (B::NAME, B::values()), (C::NAME, C::values())]
    }

    fn place(self) -> usize {
        let (a, b, c) = self;
        (a.place() * B::COUNT + b.place()) * C::COUNT + c.place()
    }
}

/// Makes an enum that is a label: `label! { /// What it is. Direction = "direction" { Upload = "upload", ... } }`.
macro_rules! label {
    ($(#[$about:meta])* $label:ident = $name:literal {
        $($(#[$of:meta])* $variant:ident = $value:literal),+ $(,)?
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $label {
            $($(#[$of])* $variant),+
        }

        impl $label {
            /// The value of the label.
            #[allow(dead_code, reason = "not everybody wants to know")]
            pub(crate) fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $value),+
                }
            }
        }

        impl $crate::metrics::label::Label for $label {
            const NAME: &'static str = $name;
            const COUNT: usize = [$($value),+].len();

            fn values() -> Vec<&'static str> {
                vec![$($value),+]
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}

pub(super) use label;
