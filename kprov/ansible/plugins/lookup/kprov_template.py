"""A role's template as text, without the price of ``ansible.builtin.template``."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kprov_template
short_description: A role's template as text
description:
  - Renders a file of the role's folder C(templates) with the variables of the task.
  - The builtin lookup first copies all variables of the host, its groups and the other hosts, for every template. With
    the documents of a few nodes among them, that copy takes longer than everything else that a task does.
options:
  _terms: {description: Names of templates., required: true}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Configure containerd
  kprov_files:
    files:
      - path: /etc/containerd/config.toml
        content: "{{ lookup('kprov_template', 'config.toml.j2') }}"
"""

RETURN = r"""
_raw: {description: The text of each., type: list, elements: str}
"""

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.template import trust_as_template


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms, variables=None, **_kwargs):
        """The text of each template."""
        return [self._text(term, variables) for term in terms]

    def _text(self, name, variables):
        path = self.find_file_in_search_path(variables, "templates", name)
        if not path:
            raise AnsibleError("there is no template %s" % name)
        return str(self._templar.template(trust_as_template(self._loader.get_text_file_contents(path))))
