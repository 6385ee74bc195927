//! XML as the answers of AWS are written: elements, text, no mixtures.

use std::fmt::{Display, Write};

/// An element to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    name: String,
    namespace: Option<&'static str>,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Text(String),
    Children(Vec<Element>),
}

impl Element {
    /// An empty one.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), namespace: None, content: Content::Children(Vec::new()) }
    }

    /// One with text only.
    pub(crate) fn of(name: impl Into<String>, text: impl Display) -> Self {
        let mut element = Self::new(name);
        element.content = Content::Text(text.to_string());
        element
    }

    /// In a namespace, which its children share.
    #[must_use]
    pub(crate) fn within(mut self, namespace: &'static str) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// With one more child.
    #[must_use]
    pub(crate) fn child(mut self, child: Self) -> Self {
        match &mut self.content {
            Content::Children(children) => children.push(child),
            Content::Text(_) => self.content = Content::Children(vec![child]),
        }
        self
    }

    /// With more children.
    #[must_use]
    pub(crate) fn children(self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// With a child of that name that has text only.
    #[must_use]
    pub(crate) fn text(self, name: &str, text: impl Display) -> Self {
        self.child(Self::of(name, text))
    }

    /// The same where there is a text.
    #[must_use]
    pub(crate) fn maybe(self, name: &str, text: Option<impl Display>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// With a child of that name that holds a list.
    #[must_use]
    pub(crate) fn list(self, name: &str, items: impl IntoIterator<Item = Self>) -> Self {
        self.child(Self::new(name).children(items))
    }

    /// With a child of that name that holds a list of texts.
    #[must_use]
    pub(crate) fn texts<T: Display>(
        self,
        name: &str,
        item: &str,
        texts: impl IntoIterator<Item = T>,
    ) -> Self {
        self.list(name, texts.into_iter().map(|text| Self::of(item, text)))
    }

    /// The whole document.
    pub(crate) fn document(&self) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        let Self { name, namespace, content } = self;
        text.push('<');
        text.push_str(name);
        if let Some(namespace) = namespace {
            // Writing to a String does not fail.
            let _written = write!(text, " xmlns=\"{namespace}\"");
        }
        text.push('>');
        match content {
            Content::Text(plain) => escape(plain, text),
            Content::Children(children) => children.iter().for_each(|child| child.write(text)),
        }
        let _written = write!(text, "</{name}>");
    }
}

fn escape(plain: &str, text: &mut String) {
    for letter in plain.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            _ => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_and_escaped() {
        let element = Element::new("A")
            .within("urn:x")
            .text("B", "1 < 2 & 3")
            .maybe("C", None::<u8>)
            .texts("D", "item", [1, 2]);
        let expected =
            "<A xmlns=\"urn:x\"><B>1 &lt; 2 &amp; 3</B><D><item>1</item><item>2</item></D></A>";
        assert!(element.document().ends_with(expected), "{}", element.document());
        roxmltree::Document::parse(&element.document()).unwrap();
    }
}
