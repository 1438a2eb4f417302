/* SPDX-License-Identifier: MIT */
#include "gateway/transport/api_docs.h"

#include "asyncapi_yaml.h"
#include "docs_css.h"
#include "docs_html.h"
#include "docs_js.h"
#include "openapi_yaml.h"

struct doc {
    const char *name;
    const char *text;
    const size_t *len;
    bool is_description;
};
static const struct doc docs[] = {
    {"index.html", docs_html, &docs_html_len, false},
    {"docs.css", docs_css, &docs_css_len, false},
    {"docs.js", docs_js, &docs_js_len, false},
    {"openapi.yaml", openapi_yaml, &openapi_yaml_len, true},
    {"asyncapi.yaml", asyncapi_yaml, &asyncapi_yaml_len, true},
};

static const struct doc *find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
        if (str_eq(name, str_of(docs[i].name))) {
            return &docs[i];
        }
    }
    return NULL;
}

bool api_docs_find(struct str name, struct str *out_text)
{
    const struct doc *d = find(name);
    if (d) {
        *out_text = (struct str){d->text, *d->len};
    }
    return d != NULL;
}

bool api_docs_is_description(struct str name)
{
    const struct doc *d = find(name);
    return d && d->is_description;
}
