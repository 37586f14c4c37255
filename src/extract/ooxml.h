/* ooxml -- what DOCX, PPTX and XLSX have in common: a ZIP archive of XML parts that name each other.
 *
 * A part is walked once, by libxml2's reader: no entities, no network, its own limits of depth.  Names are local names, for both of the standard's
 * families of namespaces.  A part that is broken, locked or a bomb ends the extraction with a message.
 * Ownership: in the arena of `out`.  Threads: none of its own.  Layer: includes base. */
#ifndef OOXML_H
#define OOXML_H
#include "extract/extract.h"
#include "extract/zip.h"
#include <libxml/xmlreader.h>

struct ooxml { struct zip zip; struct out *o; };
void	ooxml_open(struct ooxml *, const struct file *, struct out *);
bool	ooxml_part(struct ooxml *, str name, str *ret);			/* false: there is none */
/* The parts that a part names: the target of an id, or the n-th whose type ends as given; absent when there is none. */
struct rel { str id, type, target; };
struct rels { struct rel *at; size_t n; };
struct rels ooxml_rels(struct ooxml *, str part);
str	rels_id(const struct rels *, str id);
str	rels_type(const struct rels *, str type);
str	ooxml_main(struct ooxml *);					/* the part that the archive is about */
void	ooxml_title(struct ooxml *);

/* A walk over one part. */
struct xml { xmlTextReaderPtr r; struct arena *a; void *ctx; };
struct xml_calls { void (*start)(struct xml *, const char *name, bool empty), (*end)(struct xml *, const char *name), (*text)(struct xml *, str); };
void	xml_walk(struct ooxml *, str part, const struct xml_calls *, void *ctx);	/* a part that is absent is empty */
str	xml_attr(struct xml *, const char *name);		/* without a prefix; absent when there is none */
str	xml_attr_ns(struct xml *, const char *name);		/* with any */
#endif
